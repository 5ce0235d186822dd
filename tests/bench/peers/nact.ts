/** nact's stateful actors, as its documentation writes them. */

import { compete, packageOf, report, Reports, sendRound } from "./contest.ts";

/** What is used of the package. */
interface Nact {
  start(): unknown;
  spawn(
    parent: unknown,
    receive: (state: number, message: number) => number,
    name: string,
    properties: { initialState: number },
  ): unknown;
  dispatch(actor: unknown, message: number): void;
}

const { start, spawn, dispatch }: Nact = await import(packageOf("nact"));

await compete(({ actors }) => {
  const system = start();
  let reports = new Reports(actors);
  const receive = (count: number, message: number) => {
    if (message !== report) return count + message;
    reports.add(count);
    return 0;
  };
  const refs = Array.from(
    { length: actors },
    (_, actor) => spawn(system, receive, `actor-${actor}`, { initialState: 0 }),
  );
  return {
    round(course) {
      reports = new Reports(actors);
      sendRound(course, (actor, message) => dispatch(refs[actor]!, message));
      return reports.all;
    },
  };
});
