/**
 * What goes wrong in a run, and how narrow its limits are: drawn once per seed, so that each seed has its own
 * mixture (swarm testing: Groce et al., ISSTA 2012). Many kinds of faults at once hide each other.
 */

import { defaultShardLimits, type ShardLimits } from "../core/limits.ts";
import type { Prng } from "./prng.ts";

export interface Faults {
  /** How many nodes there are; no fault. */
  readonly nodes: number;
  /** The nodes are a group, be it of one. */
  readonly isGroup: boolean;
  /** A leg of a request takes up to this long ... */
  readonly legMs: number;
  /** ... and up to `slowMs` with this probability. */
  readonly slowChance: number;
  readonly slowMs: number;
  readonly requestLossChance: number;
  /** The request took effect and nobody hears of it. */
  readonly answerLossChance: number;
  /** The sender gives up while the request is still on its way. */
  readonly impatienceChance: number;
  /** An append takes effect twice. */
  readonly repeatChance: number;
  /** That of an operation of the workload to bring its host down. */
  readonly killChance: number;
  /** Mean time between such events; null: never. A host dies between two turns ... */
  readonly hostCrashMs: number | null;
  /** ... or in one, of a message that does no harm otherwise ... */
  readonly turnDeathMs: number | null;
  /** ... or hangs between two turns. */
  readonly hangMs: number | null;
  /** Of the deaths in a turn, those that are a hang at first. */
  readonly hangShare: number;
  /** Of the deaths in a turn, those that take the process along. */
  readonly processShare: number;
  /** A watchdog takes so long to condemn a host that hangs. */
  readonly watchdogMs: number;
  /** The process dies: all hosts and the gateway, and what it knew of deaths. */
  readonly processDeathMs: number | null;
  readonly spareDeathMs: number | null;
  /** A host's monotonic clock jumps ahead, by up to `jumpMs`. */
  readonly hostJumpMs: number | null;
  readonly gatewayCrashMs: number | null;
  /** A shard moves to another host while the old one still believes it owns it. */
  readonly moveMs: number | null;
  /** A log's clock jumps ahead, by up to `jumpMs`. */
  readonly clockJumpMs: number | null;
  readonly jumpMs: number;
  /** The disk of the log, or that of the store, is full for `fullForMs`. */
  readonly fullMs: number | null;
  readonly fullForMs: number;
  /** A node's process is paused, for `pausedForMs` on average; it goes on with what it believed. */
  readonly pauseMs: number | null;
  readonly pausedForMs: number;
  /** A node is cut off from some of what it talks with, for `cutForMs` on average. */
  readonly cutMs: number | null;
  readonly cutForMs: number;
  /** A node stops in good order, and another process starts. */
  readonly stopMs: number | null;
  /** The nodes agree anew, and care nothing for who has which shard. */
  readonly reshuffleMs: number | null;
  /** A living node is evicted from the group. */
  readonly evictionMs: number | null;
  /** Of the processes that die, those whose successor, or another node, evicts them from the group. */
  readonly evictionShare: number;
  /** A node hears of an agreement up to so much later than it was told ... */
  readonly hearMs: number;
  /** ... with this probability. */
  readonly hearLateChance: number;
  /** No fault: somebody replays a dead letter. */
  readonly replayMs: number | null;
}

/** What can be switched off by itself, each with what it is then. */
const absent = {
  nodes: { nodes: 1, isGroup: false },
  slow: { legMs: 1, slowChance: 0, slowMs: 1 },
  lost: { requestLossChance: 0, answerLossChance: 0 },
  impatience: { impatienceChance: 0 },
  repeats: { repeatChance: 0 },
  killers: { killChance: 0 },
  "host-crashes": { hostCrashMs: null },
  "turn-deaths": { turnDeathMs: null },
  hangs: { hangMs: null, hangShare: 0, watchdogMs: 1 },
  "process-deaths": { processDeathMs: null, processShare: 0 },
  "spare-deaths": { spareDeathMs: null },
  "host-jumps": { hostJumpMs: null },
  "gateway-crashes": { gatewayCrashMs: null },
  moves: { moveMs: null },
  "clock-jumps": { clockJumpMs: null, jumpMs: 0 },
  "full-disks": { fullMs: null, fullForMs: 0 },
  pauses: { pauseMs: null, pausedForMs: 0 },
  cuts: { cutMs: null, cutForMs: 0 },
  stops: { stopMs: null },
  reshuffles: { reshuffleMs: null },
  evictions: { evictionMs: null, evictionShare: 1 },
  "late-agreements": { hearMs: 0, hearLateChance: 0 },
  replays: { replayMs: null },
} as const satisfies Readonly<Record<string, Partial<Faults>>>;

export type FaultKind = keyof typeof absent;

export const faultKinds = Object.keys(absent) as readonly FaultKind[];

export function isFaultKind(name: string): name is FaultKind {
  return faultKinds.some((known) => known === name);
}

export const noFaults: Faults = {
  ...absent.nodes,
  ...absent.slow,
  ...absent.lost,
  ...absent.impatience,
  ...absent.repeats,
  ...absent.killers,
  ...absent["host-crashes"],
  ...absent["turn-deaths"],
  ...absent.hangs,
  ...absent["process-deaths"],
  ...absent["spare-deaths"],
  ...absent["host-jumps"],
  ...absent["gateway-crashes"],
  ...absent.moves,
  ...absent["clock-jumps"],
  ...absent["full-disks"],
  ...absent.pauses,
  ...absent.cuts,
  ...absent.stops,
  ...absent.reshuffles,
  ...absent.evictions,
  ...absent["late-agreements"],
  ...absent.replays,
};

/** To be applied to what was drawn: so a run with a kind less has all other draws of its beginning. */
export function withoutFaults(faults: Faults, kinds: readonly FaultKind[]): Faults {
  return kinds.reduce((left, kind) => ({ ...left, ...absent[kind] }), faults);
}

/**
 * Which kinds of faults a run has. Each is off in two runs of five; one run in three has few kinds at all, so that what
 * one of them does alone is seen as well.
 */
class Mixture {
  readonly #prng: Prng;
  readonly #share: number;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#share = prng.chance(1 / 3) ? 0.2 : 0.8;
  }

  /** Mostly low. */
  rate(highest: number): number {
    return this.#prng.chance(this.#share) ? highest * this.#prng.next() ** 2 : 0;
  }

  interval(shortestMs: number, longestMs: number): number | null {
    return this.#prng.chance(this.#share) ? this.#prng.range(shortestMs, longestMs) : null;
  }
}

export function drawFaults(prng: Prng): Faults {
  const mixture = new Mixture(prng);
  const isGroup = prng.chance(0.6);
  return {
    isGroup,
    nodes: isGroup ? prng.pick([1, 2, 2, 3, 3]) : 1,
    legMs: prng.pick([0.5, 2, 10]),
    slowChance: mixture.rate(0.2),
    slowMs: prng.pick([20, 100, 400]),
    requestLossChance: mixture.rate(0.2),
    answerLossChance: mixture.rate(0.3),
    impatienceChance: mixture.rate(0.2),
    repeatChance: mixture.rate(0.3),
    killChance: mixture.rate(0.05),
    hostCrashMs: mixture.interval(30, 400),
    turnDeathMs: mixture.interval(30, 400),
    hangMs: mixture.interval(50, 500),
    hangShare: mixture.rate(1),
    processShare: mixture.rate(0.8),
    watchdogMs: prng.pick([5, 30, 120]),
    processDeathMs: mixture.interval(100, 1000),
    spareDeathMs: mixture.interval(20, 300),
    hostJumpMs: mixture.interval(50, 500),
    gatewayCrashMs: mixture.interval(20, 300),
    moveMs: mixture.interval(30, 400),
    clockJumpMs: mixture.interval(50, 500),
    jumpMs: prng.pick([5, 100, 2000]),
    fullMs: mixture.interval(50, 500),
    fullForMs: prng.pick([5, 40, 150]),
    pauseMs: mixture.interval(50, 400),
    pausedForMs: prng.pick([20, 100, 300]),
    cutMs: mixture.interval(50, 400),
    cutForMs: prng.pick([20, 100, 300]),
    stopMs: mixture.interval(100, 1000),
    // In most runs, whatever else they have: only where shards move is it another's turn.
    reshuffleMs: prng.chance(0.8) ? prng.range(40, 400) : null,
    evictionMs: mixture.interval(60, 600),
    evictionShare: prng.pick([0, 0.5, 1]),
    hearMs: prng.pick([50, 200, 500]),
    hearLateChance: prng.pick([0, 0.2, 0.5]),
    replayMs: mixture.interval(10, 200),
  };
}

/** Half of them suspend nobody: an actor that waits is one that does nothing. */
const failureIntensities: readonly ShardLimits["failureIntensity"][] = [
  { failures: 0, withinMs: 1 },
  { failures: 1, withinMs: 100 },
  { failures: 3, withinMs: 60_000 },
  { failures: 255, withinMs: 1 },
  { failures: 255, withinMs: 1 },
  { failures: 255, withinMs: 1 },
];

export function drawLimits(prng: Prng): ShardLimits {
  return {
    ...defaultShardLimits,
    checkpointIntervalMs: prng.pick([10, 50, 300]),
    effectDelayMs: prng.pick([0, 5, 25]),
    foldBudgetMs: prng.pick([1, 20, 200]),
    maxUnconfirmedBytes: prng.pick([200, 2000, 1_000_000]),
    deliveryWindowBytes: prng.pick([200, 2000, 1_000_000]),
    maxLocalTurns: prng.pick([2, 10, 10_000]),
    maxUnackedFrames: prng.pick([1, 3, 1000]),
    maxFrameMessages: prng.pick([1, 3, 4096]),
    actorBytes: prng.pick([0, 3000, 1_000_000]),
    keyRetentionMs: prng.pick([200, 2000, 600_000]),
    gatewayRetentionMs: prng.pick([200, 2000, 600_000]),
    duePage: prng.pick([1, 3, 1000]),
    prefetchFrames: prng.pick([0, 2, 64]),
    maxLoadActors: prng.pick([1, 5, 1000]),
    maxColdBytes: prng.pick([0, 100, 1_000_000]),
    failureIntensity: prng.pick(failureIntensities),
    maxParkedMessages: prng.pick([0, 2, 10, 100]),
    maxParkedUnits: prng.pick([0, 500, 65_536, 65_536]),
  };
}
