/**
 * A run: a node, or several, under the generator's load, fault after fault, each when the one before is over and the load
 * flows again; then the verifier.
 */

import { z } from "zod";
import type { Tally } from "../../actors/simulate/courier.ts";
import type { FinishedPhase, Phase } from "../../actors/simulate/run.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { eventually } from "../services/eventually.ts";
import { isRight, type Verification, verify } from "../verify/verifier.ts";
import { nodeScene } from "./faults.ts";
import { recoveryDeadlineMs, shards } from "./limits.ts";
import { Load } from "./load.ts";
import { nodesScene } from "./nodes_faults.ts";
import { type AwayTimes, type Fault, type FaultKind, planRounds, type Round } from "./plan.ts";
import type { Scene } from "./scene.ts";
import { TopicLoad, type Total } from "./topic_load.ts";
import { together, verifyTopics } from "./topic_verdict.ts";

export interface ServersPlan extends AwayTimes {
  readonly brokers: 1 | 3;
  /** How many nodes, of which one has a launcher of its own; 1: one node alone. */
  readonly nodes: number;
}

export interface ChaosOptions {
  /** Null: there is one node, on its folder. */
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
  /** What the nodes' data were on. */
  readonly ground: string;
  /** Whether there was every kind of fault that there can be. */
  readonly isComplete: boolean;
  /** Whether no thread may be condemned without cause. */
  readonly isStrict: boolean;
  /** Of the largest node's process, as often as it was looked at. */
  readonly peakBytes: number;
  readonly verification: Verification;
  readonly readings: number;
  /** Of topics, acknowledged by Kafka. */
  readonly records: number;
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

async function play(scene: Scene, round: Round, number: number, load: Phase): Promise<PlayedRound> {
  const { fault, afterMs } = round;
  await untilLoadFlows(load.tally);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const damage = await scene.watch();
  const { fromMs, limitMs, heal, check } = await scene.inject(fault, number);
  await scene.recovered();
  const recoveryMs = performance.now() - fromMs;
  await heal?.();
  const surplusDeaths = await damage(fault);
  await check();
  await scene.settled();
  const atMs = fromMs - load.startedAtMs;
  return { number, fault, atMs, recoveryMs, isLate: recoveryMs > limitMs, surplusDeaths };
}

function kindsOf({ kinds }: Scene, only: readonly string[] | null): readonly FaultKind[] {
  if (only === null) return kinds;
  const wrong = only.find((name) => !kinds.some((kind) => kind === name));
  if (wrong === undefined) return kinds.filter((kind) => only.includes(kind));
  throw new Error(`There is no fault "${wrong}" here; there are ${kinds.join(", ")}`);
}

/** Of one node on its folder, which has nothing that could be away. */
const noServers: ServersPlan = { brokers: 1, nodes: 1, stopMs: 0, pauseMs: 0, nodeMs: 0 };

async function playAll(scene: Scene, options: ChaosOptions, load: Phase): Promise<readonly PlayedRound[]> {
  const { seed, rounds, forMs, maxAfterMs, onRound, onServers, only } = options;
  const { brokers, nodes, ...away } = onServers ?? noServers;
  const kinds = kindsOf(scene, only);
  const plan = { kinds, shards, brokers, neighbours: Math.max(1, nodes - 1), maxAfterMs, away };
  const played: PlayedRound[] = [];
  for (const round of planRounds(seed, plan)) {
    if (played.length >= rounds || performance.now() - load.startedAtMs > forMs) break;
    const number = played.length + 1;
    try {
      played.push(await play(scene, round, number, load));
    } catch (cause) {
      const what = `Round ${number} (${JSON.stringify(round.fault)}) failed: ${errorMessage(cause)}`;
      throw new Error(`${what}\nThe nodes wrote last:\n${scene.output}`, { cause });
    }
    onRound(played.at(-1)!);
  }
  return played;
}

const lettersSchema = z.object({ items: z.array(z.object({ reason: z.string(), detail: z.string() })) });

/** Of the product's own actors none failed. */
async function checkNothingElseDied({ client }: Scene): Promise<void> {
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

/** As if all of it had been sent over HTTP. */
async function verifyAll(
  { urls, client }: Scene,
  phases: readonly FinishedPhase[],
  records: ReadonlyMap<string, Total>,
): Promise<Verification> {
  const ledgers = phases.map(({ ledger }) => ledger);
  const readings = await verify({ url: urls[0], token: null }, ledgers);
  return together(readings, await verifyTopics(client, records));
}

async function playOn(scene: Scene, options: ChaosOptions): Promise<ChaosReport> {
  const topicLoad = scene.topics === null ? null : await TopicLoad.begin(scene.topics);
  const load = new Load(options.seed, scene.ratePerSecond, scene.urls, options.abort);
  try {
    const rounds = await load.during((begun) => playAll(scene, options, begun));
    const phases = await load.finish();
    const records = await topicLoad?.finish() ?? new Map<string, Total>();
    const refused = phases.find(({ tally }) => tally.refused > 0);
    if (refused !== undefined) throw new Error(`Readings were refused: ${refused.tally.lastTrouble}`);
    const verification = await verifyAll(scene, phases, records);
    await checkNothingElseDied(scene);
    return {
      rounds,
      ground: scene.ground,
      isComplete: scene.missing === null,
      isStrict: scene.isStrict,
      peakBytes: scene.peakBytes,
      verification,
      readings: total(phases, ({ accepted }) => accepted),
      records: [...records.values()].reduce((sum, { count }) => sum + count, 0),
      repeatedBodies: total(phases, ({ repeatedBodies }) => repeatedBodies),
      tookMs: Math.max(0, ...phases.map(({ tookMs }) => tookMs)),
      keptFolder: isRight(verification) ? null : scene.folder,
    };
  } finally {
    await Promise.all([load.abandon(), topicLoad?.abandon()]);
  }
}

/** Threads that died though no fault kills them. */
export function condemnedThreads({ rounds }: Pick<ChaosReport, "rounds">): number {
  return rounds.reduce((sum, { surplusDeaths }) => sum + surplusDeaths, 0);
}

function open({ onServers }: ChaosOptions): Promise<Scene> {
  return onServers !== null && onServers.nodes > 1 ? nodesScene(onServers) : nodeScene(onServers);
}

/** Rejects when a round fails; what the verifier found is in the report. The data are kept in both cases. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const scene = await open(options);
  let isKept = true;
  try {
    if (scene.missing !== null) options.onNote(`SKIPPED: ${scene.missing}. The other faults are played.`);
    const report = await playOn(scene, options);
    isKept = report.keptFolder !== null;
    return report;
  } catch (cause) {
    isKept = !options.abort.aborted;
    if (!isKept) throw cause;
    throw new Error(`${errorMessage(cause)}\nThe data are kept in ${scene.folder}`, { cause });
  } finally {
    await scene.close(isKept);
  }
}
