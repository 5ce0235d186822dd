/**
 * A run: a node under the generator's load, fault after fault, each when the node has recovered from the one before
 * and the load flows again; then the verifier.
 */

import { z } from "zod";
import type { Tally } from "../../actors/simulate/courier.ts";
import type { FinishedPhase, Phase } from "../../actors/simulate/run.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { eventually } from "../services/eventually.ts";
import { isRight, type Verification, verify } from "../verify/verifier.ts";
import { checkDamage, inject } from "./faults.ts";
import { Load } from "./load.ts";
import {
  clusterFaultKinds,
  type Fault,
  type FaultKind,
  faultKinds,
  planRounds,
  type Round,
  serverFaultKinds,
  type ServerTimes,
} from "./plan.ts";
import { recoveryDeadlineMs, shards, Stage } from "./stage.ts";

export interface ServersPlan extends ServerTimes {
  readonly brokers: 1 | 3;
}

export interface ChaosOptions {
  /** How long servers are away from a node on them; null: the node is on its folder. */
  readonly onServers: ServersPlan | null;
  /** Names of faults, of which alone there are rounds; null: of all that there can be. */
  readonly only: readonly string[] | null;
  readonly seed: number;
  /** No round begins after so many, or so long after the first. */
  readonly rounds: number;
  readonly forMs: number;
  /** The longest time under load between two faults. */
  readonly maxAfterMs: number;
  readonly onRound: (round: PlayedRound) => void;
  /** Hears what a person should know besides. */
  readonly onNote: (sentence: string) => void;
  /** Ends the run at once, and keeps nothing. */
  readonly abort: AbortSignal;
}

export interface PlayedRound {
  /** From 1. */
  readonly number: number;
  readonly fault: Fault;
  /** When the fault came, or was over where it lasts; since the load began. */
  readonly atMs: number;
  readonly recoveryMs: number;
  /** It took longer than it may. */
  readonly isLate: boolean;
  /** Threads that died besides those that the fault should kill. */
  readonly surplusDeaths: number;
}

export interface ChaosReport {
  readonly rounds: readonly PlayedRound[];
  readonly isOnServers: boolean;
  readonly hasDisk: boolean;
  /** Of the node's process, as often as it was looked at. */
  readonly peakBytes: number;
  readonly verification: Verification;
  readonly readings: number;
  /** Attempts that were not the first of their body. */
  readonly repeatedBodies: number;
  readonly tookMs: number;
  /** Null when all is right: then nothing is kept. */
  readonly keptFolder: string | null;
}

/** A body that was not acknowledged before is. */
async function untilLoadFlows(tally: Tally): Promise<void> {
  const sinceMs = performance.now();
  await eventually("the load to flow again", recoveryDeadlineMs, () => {
    return Promise.resolve((tally.lastAcceptedAtMs ?? 0) > sinceMs ? true : null);
  });
}

async function play(stage: Stage, round: Round, number: number, load: Phase): Promise<PlayedRound> {
  await untilLoadFlows(load.tally);
  await new Promise((resolve) => setTimeout(resolve, round.afterMs));
  const before = await stage.look();
  const { fromMs, limitMs, check } = await inject(stage, round.fault, number);
  await stage.recovered();
  const recoveryMs = performance.now() - fromMs;
  const surplusDeaths = checkDamage(round.fault.kind, before, await stage.look());
  await check();
  await stage.untilNoneLingers();
  const atMs = fromMs - load.startedAtMs;
  return { number, fault: round.fault, atMs, recoveryMs, isLate: recoveryMs > limitMs, surplusDeaths };
}

function possible({ disk, servers }: Stage): readonly FaultKind[] {
  if (servers !== null) return servers.brokers.length > 1 ? clusterFaultKinds : serverFaultKinds;
  return faultKinds.filter((kind) => kind !== "full-disk" || disk !== null);
}

function kindsFor(stage: Stage, only: readonly string[] | null): readonly FaultKind[] {
  const kinds = possible(stage);
  if (only === null) return kinds;
  const wrong = only.find((name) => !kinds.some((kind) => kind === name));
  if (wrong === undefined) return kinds.filter((kind) => only.includes(kind));
  throw new Error(`There is no fault "${wrong}" here; there are ${kinds.join(", ")}`);
}

/** Of a node on its folder, which has no servers to be away. */
const noTimes: ServerTimes = { stopMs: 0, pauseMs: 0 };

async function playAll(stage: Stage, options: ChaosOptions, load: Phase): Promise<readonly PlayedRound[]> {
  const { seed, rounds, forMs, maxAfterMs, onRound, onServers, only } = options;
  const brokers = onServers?.brokers ?? 1;
  const plan = {
    kinds: kindsFor(stage, only),
    shards,
    brokers,
    maxAfterMs,
    serverTimes: onServers ?? noTimes,
  };
  const played: PlayedRound[] = [];
  for (const round of planRounds(seed, plan)) {
    if (played.length >= rounds || performance.now() - load.startedAtMs > forMs) break;
    const number = played.length + 1;
    try {
      played.push(await play(stage, round, number, load));
    } catch (cause) {
      const what = `Round ${number} (${JSON.stringify(round.fault)}) failed: ${errorMessage(cause)}`;
      throw new Error(`${what}\nThe node wrote last:\n${stage.server.output}`, { cause });
    }
    onRound(played.at(-1)!);
  }
  return played;
}

const lettersSchema = z.object({ items: z.array(z.object({ reason: z.string(), detail: z.string() })) });

/** Of the product's own actors none failed. */
async function checkNothingElseDied({ client }: Stage): Promise<void> {
  const letters = lettersSchema.parse(await client.get("/dead-letters?limit=1000&consistency=strict"));
  const other = letters.items.find(({ reason }) => reason !== "killed-host");
  if (other !== undefined) throw new Error(`There is a dead letter of no saboteur: ${other.detail}`);
  const suspended = JSON.stringify(await client.get("/suspended"));
  if (suspended !== '{"items":[],"next":null,"missing":[]}') {
    throw new Error(`Actors are suspended: ${suspended}`);
  }
}

function total(phases: readonly FinishedPhase[], of: (tally: Tally) => number): number {
  return phases.reduce((sum, { tally }) => sum + of(tally), 0);
}

async function playOn(stage: Stage, options: ChaosOptions): Promise<ChaosReport> {
  const load = new Load(options.seed, stage.server.url, options.abort);
  try {
    const rounds = await load.during((begun) => playAll(stage, options, begun));
    const phases = await load.finish();
    const refused = phases.find(({ tally }) => tally.refused > 0);
    if (refused !== undefined) throw new Error(`Readings were refused: ${refused.tally.lastTrouble}`);
    const ledgers = phases.map(({ ledger }) => ledger);
    const verification = await verify({ url: stage.server.url, token: null }, ledgers);
    await checkNothingElseDied(stage);
    return {
      rounds,
      isOnServers: stage.servers !== null,
      hasDisk: stage.disk !== null,
      peakBytes: stage.peakBytes,
      verification,
      readings: total(phases, ({ accepted }) => accepted),
      repeatedBodies: total(phases, ({ repeatedBodies }) => repeatedBodies),
      tookMs: Math.max(0, ...phases.map(({ tookMs }) => tookMs)),
      keptFolder: isRight(verification) ? null : stage.folder,
    };
  } finally {
    await load.abandon();
  }
}

/** Threads that died though no fault kills them. */
export function condemnedThreads({ rounds }: Pick<ChaosReport, "rounds">): number {
  return rounds.reduce((sum, { surplusDeaths }) => sum + surplusDeaths, 0);
}

/** Rejects when a round fails; what the verifier found is in the report. The data are kept in both cases. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const stage = await Stage.open(options.onServers);
  let isKept = true;
  try {
    if (stage.disk === null && stage.servers === null) {
      options.onNote(
        "SKIPPED: the full disk: mounting a small disk needs root. The other faults are played.",
      );
    }
    const report = await playOn(stage, options);
    isKept = report.keptFolder !== null;
    return report;
  } catch (cause) {
    isKept = !options.abort.aborted;
    if (!isKept) throw cause;
    throw new Error(`${errorMessage(cause)}\nThe data are kept in ${stage.folder}`, { cause });
  } finally {
    await stage.close(isKept);
  }
}
