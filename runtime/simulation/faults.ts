/**
 * What goes wrong in a run, and how narrow its limits are: drawn once per seed, so that each seed has its own
 * mixture (swarm testing: Groce et al., ISSTA 2012). Many kinds of faults at once hide each other.
 */

import { defaultShardLimits, type ShardLimits } from "../core/limits.ts";
import type { Prng } from "./prng.ts";

export interface Faults {
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
  /** Mean time between such events; null: never. */
  readonly hostCrashMs: number | null;
  readonly gatewayCrashMs: number | null;
  /** A shard moves to another host while the old one still believes it owns it. */
  readonly moveMs: number | null;
  /** A log's clock jumps ahead, by up to `jumpMs`. */
  readonly clockJumpMs: number | null;
  readonly jumpMs: number;
  /** The disk of the log, or that of the store, is full for `fullForMs`. */
  readonly fullMs: number | null;
  readonly fullForMs: number;
  /** No fault: somebody replays a dead letter. */
  readonly replayMs: number | null;
}

/** What can be switched off by itself, each with what it is then. */
const absent = {
  slow: { legMs: 1, slowChance: 0, slowMs: 1 },
  lost: { requestLossChance: 0, answerLossChance: 0 },
  impatience: { impatienceChance: 0 },
  repeats: { repeatChance: 0 },
  "host-crashes": { hostCrashMs: null },
  "gateway-crashes": { gatewayCrashMs: null },
  moves: { moveMs: null },
  "clock-jumps": { clockJumpMs: null, jumpMs: 0 },
  "full-disks": { fullMs: null, fullForMs: 0 },
  replays: { replayMs: null },
} as const satisfies Readonly<Record<string, Partial<Faults>>>;

export type FaultKind = keyof typeof absent;

export const faultKinds = Object.keys(absent) as readonly FaultKind[];

export function isFaultKind(name: string): name is FaultKind {
  return faultKinds.some((known) => known === name);
}

export const noFaults: Faults = {
  ...absent.slow,
  ...absent.lost,
  ...absent.impatience,
  ...absent.repeats,
  ...absent["host-crashes"],
  ...absent["gateway-crashes"],
  ...absent.moves,
  ...absent["clock-jumps"],
  ...absent["full-disks"],
  ...absent.replays,
};

/** To be applied to what was drawn: so a run with a kind less has all other draws of its beginning. */
export function withoutFaults(faults: Faults, kinds: readonly FaultKind[]): Faults {
  return kinds.reduce((left, kind) => ({ ...left, ...absent[kind] }), faults);
}

/** A rate that is off in two runs of five, and mostly low otherwise. */
function rate(prng: Prng, highest: number): number {
  return prng.chance(0.4) ? 0 : highest * prng.next() ** 2;
}

function interval(prng: Prng, shortestMs: number, longestMs: number): number | null {
  return prng.chance(0.4) ? null : prng.range(shortestMs, longestMs);
}

export function drawFaults(prng: Prng): Faults {
  return {
    legMs: prng.pick([0.5, 2, 10]),
    slowChance: rate(prng, 0.2),
    slowMs: prng.pick([20, 100, 400]),
    requestLossChance: rate(prng, 0.2),
    answerLossChance: rate(prng, 0.3),
    impatienceChance: rate(prng, 0.2),
    repeatChance: rate(prng, 0.3),
    hostCrashMs: interval(prng, 30, 400),
    gatewayCrashMs: interval(prng, 20, 300),
    moveMs: interval(prng, 30, 400),
    clockJumpMs: interval(prng, 50, 500),
    jumpMs: prng.pick([5, 100, 2000]),
    fullMs: interval(prng, 50, 500),
    fullForMs: prng.pick([5, 40, 150]),
    replayMs: interval(prng, 10, 200),
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
    maxColdBytes: prng.pick([0, 100, 1_000_000]),
    failureIntensity: prng.pick(failureIntensities),
    maxParkedMessages: prng.pick([0, 2, 10, 100]),
    maxParkedUnits: prng.pick([0, 500, 65_536, 65_536]),
  };
}
