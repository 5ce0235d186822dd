/**
 * effect has no actors of its own below its cluster: a queue, and a fiber that takes from it, is how its documentation
 * passes messages. With the variant `all` the fiber takes all there are at once.
 */

import { compete, packageOf, report, Reports, sendRound, variant } from "./contest.ts";

/** What `yield*` answers with an `A`. */
interface Effect<A> {
  [Symbol.iterator](): Iterator<unknown, A, unknown>;
}

interface Queue {
  readonly queue: unique symbol;
}

/** What is used of the package. */
interface Package {
  readonly Effect: {
    gen(body: () => Generator<unknown, never, never>): Effect<never>;
    runFork(effect: Effect<never>): unknown;
    runSync<A>(effect: Effect<A>): A;
  };
  readonly Queue: {
    unbounded(): Effect<Queue>;
    offerUnsafe(queue: Queue, message: number): boolean;
    take(queue: Queue): Effect<number>;
    takeAll(queue: Queue): Effect<readonly number[]>;
  };
}

const { Effect, Queue }: Package = await import(packageOf("effect"));

await compete(({ actors }) => {
  let reports = new Reports(actors);

  const counted = (count: number, message: number) => {
    if (message !== report) return count + message;
    reports.add(count);
    return 0;
  };

  const one = (queue: Queue) =>
    Effect.gen(function* () {
      for (let count = 0;;) count = counted(count, yield* Queue.take(queue));
    });

  const all = (queue: Queue) =>
    Effect.gen(function* () {
      for (let count = 0;;) {
        for (const message of yield* Queue.takeAll(queue)) count = counted(count, message);
      }
    });

  const queues = Array.from({ length: actors }, () => {
    const queue = Effect.runSync(Queue.unbounded());
    Effect.runFork(variant === "all" ? all(queue) : one(queue));
    return queue;
  });
  return {
    round(course) {
      reports = new Reports(actors);
      sendRound(course, (actor, message) => Queue.offerUnsafe(queues[actor]!, message));
      return reports.all;
    },
  };
});
