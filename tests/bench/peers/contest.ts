/**
 * What every contestant does, in a process of its own: numbers are sent to actors one after another, each actor adds
 * what it is sent to its count, and at the end of a round each reports its count and begins anew.
 *
 * 1. A round ends when the last actor has reported; the reports are messages like the others, and are counted.
 * 2. A round whose reports do not add up to what was sent fails the process.
 */

/** What an actor is sent: a number to add, or this. */
export const report = 0;

export interface Course {
  readonly actors: number;
  /** Ones that each actor is sent in a round. */
  readonly messagesEach: number;
  readonly warmUpRounds: number;
  readonly rounds: number;
}

export interface Contestant {
  /** What is not measured: messages that are only to be handed over in the round. */
  prepare?(course: Course): void;
  /** Sends all messages of a round; answers the sum of the reports. */
  round(course: Course): number | Promise<number>;
}

export function messagesOf({ actors, messagesEach }: Course): number {
  return actors * (messagesEach + 1);
}

/** To whom message number `place` of a round goes, and what it is: actors take turns. */
export function messageAt(
  { actors, messagesEach }: Course,
  place: number,
): readonly [actor: number, message: number] {
  return [place % actors, place < actors * messagesEach ? 1 : report];
}

/** Adds up reports until there is one of each actor. */
export class Reports {
  readonly #actors: number;
  readonly #done = Promise.withResolvers<number>();
  #missing: number;
  #sum = 0;

  constructor(actors: number) {
    this.#actors = this.#missing = actors;
  }

  /** The sum, once all have reported. */
  get all(): Promise<number> {
    return this.#done.promise;
  }

  get sum(): number {
    if (this.#missing > 0) throw new Error(`${this.#missing} of ${this.#actors} actors have not reported`);
    return this.#sum;
  }

  add(count: number): void {
    this.#sum += count;
    if (--this.#missing === 0) this.#done.resolve(this.#sum);
  }
}

/** Calls `send` for every message of a round, in its order. */
export function sendRound(course: Course, send: (actor: number, message: number) => void): void {
  const { actors, messagesEach } = course;
  for (let step = 0; step <= messagesEach; step++) {
    const message = step < messagesEach ? 1 : report;
    for (let actor = 0; actor < actors; actor++) send(actor, message);
  }
}

/** Which form of a contestant runs: the second argument. */
export const variant: string = Deno.args[1] ?? "";

/**
 * The packages, which `deno.json` does not name: whoever starts Sensorium would fetch them with all that it names. Their
 * hashes are in this folder's own `deno.lock`, and what is used of them is declared where it is used.
 */
export const packages = { effect: "4.1.0", nact: "7.6.2" } as const;

export function packageOf(name: keyof typeof packages): string {
  return `npm:${name}@${packages[name]}`;
}

/** Of a process, in messages a second; a round's reports are among them. */
export interface Score {
  readonly perSecond: number;
}

/** Runs the contestant over the course that the first argument tells, and prints its score as a line of JSON. */
export async function compete(prepare: (course: Course) => Contestant): Promise<void> {
  const course: Course = JSON.parse(Deno.args[0] ?? "");
  const { actors, messagesEach, warmUpRounds, rounds } = course;
  const contestant = prepare(course);
  let tookMs = 0;
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    contestant.prepare?.(course);
    const startedAtMs = performance.now();
    const counted = await contestant.round(course);
    if (round >= warmUpRounds) tookMs += performance.now() - startedAtMs;
    const sent = actors * messagesEach;
    if (counted !== sent) throw new Error(`${sent} ones were sent, and the actors counted ${counted}`);
  }
  const score: Score = { perSecond: rounds * messagesOf(course) * 1000 / tookMs };
  console.log(JSON.stringify(score));
  Deno.exit(0);
}
