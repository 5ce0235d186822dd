/** A figure of a node on servers: what it is given, and what it leaves for the comparison with peers. */

import type { BenchOptions, Row } from "../figure.ts";
import type { BenchServers } from "./bench_servers.ts";
import type { Topics } from "./topics.ts";

export interface Score {
  readonly perSecond: number;
  /** Processor seconds of its process for a million records. */
  readonly cpuPerMillion: number;
}

export interface KafkaRun extends BenchOptions {
  readonly servers: BenchServers;
  readonly topics: Topics;
  /** By figure: ours, as soon as it is measured. */
  readonly scores: Map<string, Score>;
}

export interface KafkaFigure {
  readonly name: string;
  readonly meaning: string;
  run(run: KafkaRun): Promise<readonly Row[]>;
}
