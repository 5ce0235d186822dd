/**
 * Seeded runs of definitions with faults between any two steps; see `../testkit.ts`.
 *
 * 1. A seed and a number of steps name a run completely, as far as the definitions are deterministic.
 * 2. After every death, and at the end, the node is what the plain fold of its log is (`plain_fold.ts`).
 */

import type { Address } from "../core/actor.ts";
import type { AnyDefinition } from "../core/registry.ts";
import { errorMessage } from "../core/errors.ts";
import type { ShardLimits } from "../core/limits.ts";
import { Prng } from "../simulation/prng.ts";
import {
  defaultSeeds,
  defaultSteps,
  firstMs,
  maxAdvanceMs,
  maxKeptRequests,
  maxRequestMessages,
  testShardLimits,
} from "./limits.ts";
import { isMadeToThrow } from "./faults.ts";
import { MemoryNode } from "./memory_node.ts";
import { expectReplays } from "./plain_fold.ts";
import { checkMessage, definitionOf, type Delivery, piecesOf } from "./requests.ts";
import { defining, type Definitions } from "./test_node.ts";

/** The run's only source of chance. */
export type Random = Pick<Prng, "next" | "int" | "range" | "chance" | "pick">;

export interface SimulationOptions {
  readonly definitions: Definitions<AnyDefinition>;
  /** Called once for each seed; what it returns is called for every message. All its choices are `random`'s. */
  readonly messages: (random: Random) => () => Delivery;
  /** So many seeds from 1 on, or these; 20 by default. */
  readonly seeds?: number | readonly number[];
  /** Of each run; 100 by default. A step is a message, a fault, some time, or some progress. */
  readonly steps?: number;
  /** Those that decide what is folded; the others are drawn. */
  readonly limits?: Partial<ShardLimits>;
}

/** What happened in all runs. */
export interface SimulationResult {
  readonly messages: number;
  /** Requests that were sent again under their key. */
  readonly repeats: number;
  /** Deaths of hosts and of the node. */
  readonly deaths: number;
  /** Without those of turns that were made to throw. */
  readonly deadLetters: number;
}

/** Narrow limits, so that actors are evicted and checkpoints are cut in every way. None of them decides what is folded. */
function drawLimits(random: Random): ShardLimits {
  return {
    ...testShardLimits,
    checkpointIntervalMs: random.pick([0, 100, 1000]),
    effectDelayMs: random.pick([0, 25]),
    maxColdBytes: random.pick([0, 100, testShardLimits.maxColdBytes]),
    maxUnconfirmedBytes: random.pick([200, 2000, testShardLimits.maxUnconfirmedBytes]),
    deliveryWindowBytes: random.pick([200, 2000, testShardLimits.deliveryWindowBytes]),
    maxUnackedFrames: random.pick([1, 3, testShardLimits.maxUnackedFrames]),
    maxFrameMessages: random.pick([1, 3, testShardLimits.maxFrameMessages]),
    actorBytes: random.pick([0, 3000, testShardLimits.actorBytes]),
    duePage: random.pick([1, 3, testShardLimits.duePage]),
  };
}

/** Messages that are sent together. */
interface Request {
  readonly deliveries: readonly Delivery[];
  readonly key: string;
}

class Run {
  readonly #node: MemoryNode;
  readonly #random: Random;
  readonly #next: () => Delivery;
  /** Made, and not sent yet. */
  readonly #delayed: Request[] = [];
  /** The last ones that were sent. */
  readonly #sent: Request[] = [];
  messages = 0;
  repeats = 0;
  #comparedDeaths = 0;

  constructor({ definitions, messages, limits }: SimulationOptions, seed: number) {
    const random = new Prng(seed);
    this.#random = random;
    this.#node = new MemoryNode({
      define: defining(definitions),
      shards: random.range(1, 3),
      seed: random.int(2 ** 31),
      limits: { ...drawLimits(random), ...limits },
      startMs: firstMs,
    });
    this.#next = messages(random);
  }

  get deaths(): number {
    return this.#node.deaths;
  }

  step(): void {
    const choice = this.#random.next();
    if (choice < 0.3) this.#sendNext();
    else if (choice < 0.4) this.#sendOld();
    else if (choice < 0.8) { for (let left = this.#random.range(1, 12); left > 0; left--) this.#node.stir(); }
    else if (choice < 0.88) this.#advance();
    else if (choice < 0.92) this.#ask();
    else this.#disturb();
    if (this.#node.deaths > this.#comparedDeaths) this.#compare();
  }

  #sendNext(): void {
    const deliveries = Array.from({ length: this.#random.range(1, maxRequestMessages) }, () => this.#next());
    for (const { to, message } of deliveries) checkMessage(this.#node.registry, to, message);
    const request = { deliveries, key: `request ${this.messages}` };
    this.messages += deliveries.length;
    if (this.#random.chance(0.2)) this.#delayed.push(request);
    else this.#send(request);
  }

  #send(request: Request): void {
    this.#node.append(piecesOf(this.#node, request.deliveries, request.key));
    this.#sent.push(request);
    if (this.#sent.length > maxKeptRequests) this.#sent.shift();
  }

  /** One that was delayed, or another one again. */
  #sendOld(): void {
    const delayed = this.#delayed.splice(this.#random.int(this.#delayed.length), 1)[0];
    if (delayed !== undefined) return this.#send(delayed);
    if (this.#sent.length === 0) return;
    this.repeats++;
    this.#send(this.#random.pick(this.#sent));
  }

  /** From a millisecond to a day, each order of magnitude as likely; in one leap or with all that is due between. */
  #advance(): void {
    const durationMs = Math.ceil(maxAdvanceMs ** this.#random.next());
    if (this.#random.chance(0.5)) this.#node.advance(durationMs);
    else this.#node.moveClock(durationMs);
  }

  /** An actor that was sent something. */
  #someone(): Address | null {
    return this.#sent.length === 0 ? null : this.#random.pick(this.#random.pick(this.#sent).deliveries).to;
  }

  /** Whatever the answers are: a query that changes the state shows when that is compared. */
  #ask(): void {
    const to = this.#someone();
    if (to === null) return;
    const { queries } = definitionOf(this.#node.registry, "ask", to);
    for (const query of Object.keys(queries)) this.#node.ask(to, query, {});
  }

  #disturb(): void {
    const choice = this.#random.next();
    if (choice < 0.3) return this.#node.killHost();
    if (choice < 0.5) return this.#node.lose();
    const to = this.#someone();
    if (to === null) return;
    if (choice < 0.85) this.#node.faults.kill(to, 1);
    else this.#node.faults.crash(to);
  }

  #compare(): void {
    expectReplays(this.#node);
    this.#comparedDeaths = this.#node.deaths;
  }

  /** Sends what was delayed, compares, and compares once more what a new start makes of the store. */
  finish(): void {
    for (const request of this.#delayed) this.#send(request);
    this.#compare();
    this.#node.lose();
    this.#compare();
  }

  get deadLetters(): number {
    return this.#node.deadLetters().filter((letter) => !isMadeToThrow(letter)).length;
  }
}

/**
 * Runs the definitions under faults, seed by seed: hosts and nodes die between any two requests to log and store, and
 * within turns; actors are evicted, turns throw; requests are delayed and repeated; outcomes of commits are lost. After
 * every death each actor must be what an uninterrupted fold of the surviving log makes of it.
 *
 * Throws at the first seed at which something differs, with a sentence that says how to replay it.
 */
export function simulateDefinition(options: SimulationOptions): SimulationResult {
  const { seeds = defaultSeeds, steps = defaultSteps } = options;
  const list = typeof seeds === "number" ? Array.from({ length: seeds }, (_, index) => index + 1) : seeds;
  if (list.length === 0 || steps < 1) {
    throw new Error(`Cannot simulate ${list.length} seeds of ${steps} steps: that would try nothing`);
  }
  const result = { messages: 0, repeats: 0, deaths: 0, deadLetters: 0 };
  for (const seed of list) {
    const run = new Run(options, seed);
    let step = 0;
    try {
      while (step < steps) {
        step++;
        run.step();
      }
      run.finish();
    } catch (thrown) {
      throw failure(seed, step, thrown);
    }
    result.messages += run.messages;
    result.repeats += run.repeats;
    result.deaths += run.deaths;
    result.deadLetters += run.deadLetters;
  }
  return result;
}

function failure(seed: number, step: number, thrown: unknown): Error {
  return new Error(
    `Seed ${seed} failed at step ${step}: ${
      errorMessage(thrown)
    }. Replay it with { seeds: [${seed}], steps: ${step} }`,
    { cause: thrown },
  );
}
