/**
 * Which faults a run has, when, and for how long: a function of the seed.
 *
 * 1. The same seed and options give the same rounds, however many are taken.
 * 2. Of every so many rounds as there are kinds, each kind has one. So no seed kills the node as often as its launcher
 *    gives up at, and a short run has them all.
 */

import { Prng } from "../../runtime/simulation/prng.ts";
import type { Sabotage } from "./saboteurs.ts";

/** Of a node on its folder. */
export const faultKinds = [
  "kill-node",
  "kill-launcher",
  "pause-node",
  "loop-query",
  "loop-message",
  "exhaust-query",
  "exhaust-message",
  "full-disk",
] as const;

/** Of a node on servers. */
export const serverFaultKinds = [
  "kill-node",
  "kill-kafka",
  "kill-mariadb",
  "kill-redis",
  "stop-mariadb",
  "pause-mariadb",
] as const;

/** Of a node whose Kafka has three brokers. */
export const clusterFaultKinds = ["kill-broker", ...serverFaultKinds] as const;

/** Of several nodes: some share a launcher, and one has its own, as on another machine. */
export const nodesFaultKinds = [
  "kill-one",
  "kill-two",
  "kill-machine",
  "pause-one",
  "pause-machine",
  "cut-machine",
  "restart-machine",
  "resize",
  "exhaust-query",
  "kill-kafka",
  "kill-broker",
  "kill-mariadb",
  "kill-redis",
] as const;

export type FaultKind =
  | typeof faultKinds[number]
  | typeof clusterFaultKinds[number]
  | typeof nodesFaultKinds[number];

export type Fault =
  /** `kill -9` of the node, which its launcher starts again. */
  | { readonly kind: "kill-node" }
  /** `kill -9` of the launcher and the node, which are started again as a user would. */
  | { readonly kind: "kill-launcher" }
  /** SIGSTOP of the node, and SIGCONT after `forMs`. */
  | { readonly kind: "pause-node"; readonly forMs: number }
  /** A query that kills the thread of a shard, once. */
  | { readonly kind: "loop-query" | "exhaust-query"; readonly sabotage: Sabotage; readonly shard: number }
  /** A message that kills the thread of its shard, every time. */
  | { readonly kind: "loop-message" | "exhaust-message"; readonly sabotage: Sabotage; readonly shard: number }
  /** Nothing can be written to the data folder for `forMs`. */
  | { readonly kind: "full-disk"; readonly forMs: number }
  /** `kill -9` of a server, which is started again at once. */
  | { readonly kind: "kill-kafka" | "kill-mariadb" | "kill-redis" }
  /** `kill -9` of one broker of several, which is started again when the node has recovered. */
  | { readonly kind: "kill-broker"; readonly broker: number }
  /** Ended in good order, and started again after `forMs`. */
  | { readonly kind: "stop-mariadb"; readonly forMs: number }
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | { readonly kind: "pause-mariadb"; readonly forMs: number }
  /** `kill -9` of one of the nodes that share a launcher, which starts it again. */
  | { readonly kind: "kill-one"; readonly node: number }
  /** Of two nodes at once: both of that launcher's, or one of them and the one on the other machine. */
  | { readonly kind: "kill-two"; readonly areNeighbours: boolean; readonly node: number }
  /** `kill -9` of the other machine's launcher and node, which are started again when they have been missed. */
  | { readonly kind: "kill-machine" }
  /** SIGSTOP of one of the nodes that share a launcher, which takes it for hanging, and kills it. */
  | { readonly kind: "pause-one"; readonly node: number; readonly forMs: number }
  /** SIGSTOP of the other machine's launcher and node, and SIGCONT after `forMs`. */
  | { readonly kind: "pause-machine"; readonly forMs: number }
  /** Nothing reaches the other machine, nor comes from it, for `forMs`. */
  | { readonly kind: "cut-machine"; readonly forMs: number }
  /** The other machine's node ends in good order, and is started again when the others have its shards. */
  | { readonly kind: "restart-machine" }
  /** There are one node, all of them, and one less, in good order; then all of them again. */
  | { readonly kind: "resize" };

/** How long a server is away, or a node of several. */
export interface AwayTimes {
  readonly stopMs: number;
  readonly pauseMs: number;
  readonly nodeMs: number;
}

export interface Round {
  /** Under load, before the fault. */
  readonly afterMs: number;
  readonly fault: Fault;
}

export interface PlanOptions {
  readonly kinds: readonly FaultKind[];
  readonly shards: number;
  readonly brokers: number;
  /** The longest time under load between a recovery and the next fault. */
  readonly maxAfterMs: number;
  /** That share a launcher, where there are several. */
  readonly neighbours: number;
  readonly away: AwayTimes;
}

/** A node that has barely come back is the more interesting one. */
const minAfterMs = 100;
/** Below the 10 s after which a launcher takes a node for hanging. */
const pauseMs = { min: 200, max: 5000 };
const fullDiskMs = { min: 1000, max: 3000 };

function faultOf(kind: FaultKind, random: Prng, { shards, brokers, neighbours, away }: PlanOptions): Fault {
  switch (kind) {
    case "kill-node":
    case "kill-launcher":
    case "kill-kafka":
    case "kill-mariadb":
    case "kill-redis":
    case "kill-machine":
    case "restart-machine":
    case "resize":
      return { kind };
    case "kill-one":
      return { kind, node: random.int(neighbours) };
    case "kill-two":
      return { kind, areNeighbours: random.int(2) === 0, node: random.int(neighbours) };
    case "pause-one":
      return { kind, node: random.int(neighbours), forMs: away.nodeMs };
    case "pause-machine":
    case "cut-machine":
      return { kind, forMs: away.nodeMs };
    case "kill-broker":
      return { kind, broker: random.int(brokers) };
    case "stop-mariadb":
      return { kind, forMs: away.stopMs };
    case "pause-mariadb":
      return { kind, forMs: away.pauseMs };
    case "pause-node":
      return { kind, forMs: random.range(pauseMs.min, pauseMs.max) };
    case "full-disk":
      return { kind, forMs: random.range(fullDiskMs.min, fullDiskMs.max) };
    case "loop-query":
    case "loop-message":
      return { kind, sabotage: "sabotage_loops", shard: random.int(shards) };
    case "exhaust-query":
    case "exhaust-message":
      return { kind, sabotage: "sabotage_exhausts", shard: random.int(shards) };
  }
}

/** The items in an order of the generator's choice (R. Durstenfeld, CACM 7, 1964, algorithm 235). */
function shuffled<T>(items: readonly T[], random: Prng): readonly T[] {
  const rest = [...items];
  return items.map(() => rest.splice(random.int(rest.length), 1)).flat();
}

/** Rounds without end. */
export function* planRounds(seed: number, options: PlanOptions): Generator<Round> {
  const { kinds, maxAfterMs } = options;
  const random = new Prng(seed);
  for (;;) {
    for (const kind of shuffled(kinds, random)) {
      yield { afterMs: random.range(minAfterMs, maxAfterMs), fault: faultOf(kind, random, options) };
    }
  }
}
