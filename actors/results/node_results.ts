/**
 * Results in a node: where they are put, and the one who stores them.
 *
 * 1. Nothing of it keeps the node from starting: what cannot be reached is tried again, and requests wait for it.
 */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { Servers } from "../../runtime/node/options.ts";
import { backoffMs } from "../../runtime/node/retry.ts";
import { Counter, type Registry } from "../../runtime/prom_client.ts";
import { pause } from "../pause.ts";
import { resultsFile } from "./copy_tables.ts";
import type { ResultTopic } from "./feed.ts";
import { LocalTopic } from "./local_topic.ts";
import { SqliteSql } from "./sqlite_sql.ts";
import { runStoring } from "./storing.ts";
import { ResultTables } from "./tables.ts";

export interface NodeResultsOptions {
  /** The data folder; not used with `servers`. */
  readonly folder: string | null;
  readonly servers: Servers | null;
  readonly topicName: string;
  readonly retentionMs: number;
  readonly registry: Registry;
  nowMs(): number;
  warn(sentence: string): void;
  info(sentence: string): void;
}

interface Opened {
  readonly topic: ResultTopic;
  readonly tables: ResultTables;
}

export class NodeResults {
  readonly #options: NodeResultsOptions;
  readonly #topic = Promise.withResolvers<ResultTopic>();
  readonly #stored: Counter<"outcome">;
  #tables: ResultTables | null = null;

  constructor(options: NodeResultsOptions) {
    this.#options = options;
    this.#stored = new Counter({
      name: "sensorium_results_total",
      help: "Results that this node has stored, and records of their topic that are none.",
      labelNames: ["outcome"],
      registers: [options.registry],
    });
    for (const outcome of ["stored", "refused"]) this.#stored.inc({ outcome }, 0);
  }

  /** Once it can be reached. */
  get topic(): Promise<ResultTopic> {
    return this.#topic.promise;
  }

  /** Null while they cannot be reached. */
  get tables(): ResultTables | null {
    return this.#tables;
  }

  /** Resolves once `signal` is aborted and all is closed. */
  async run(signal: AbortSignal): Promise<void> {
    const opened = await this.#open(signal);
    if (opened === null) return;
    const { topic, tables } = opened;
    this.#topic.resolve(topic);
    this.#tables = tables;
    try {
      await runStoring({
        ...this.#options,
        topic,
        tables,
        signal,
        onStored: ({ results, refused }) => {
          this.#stored.inc({ outcome: "stored" }, results.length);
          this.#stored.inc({ outcome: "refused" }, refused.length);
        },
      });
    } finally {
      this.#tables = null;
      await topic.close();
      await tables.close();
    }
  }

  async #open(signal: AbortSignal): Promise<Opened | null> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await this.#openNow();
      } catch (thrown) {
        const reason = errorMessage(thrown).replace(/\.$/, "");
        if (failures === 1) {
          this.#options.warn(`Cannot open where results are kept: ${reason}. Trying again.`);
        }
        await pause(backoffMs(failures), signal);
      }
    }
    return null;
  }

  async #openNow(): Promise<Opened> {
    const { folder, servers, topicName, warn } = this.#options;
    if (servers !== null) {
      // Their drivers take a tenth of a second to load, which a node on its folder need not wait for.
      const { KafkaTopic } = await import("./kafka_topic.ts");
      const { MySqlSql } = await import("./mysql_sql.ts");
      const tables = await ResultTables.open(new MySqlSql(servers.mysql));
      return { topic: new KafkaTopic(servers.kafka, topicName), tables };
    }
    const path = join(folder ?? ".", resultsFile);
    const directory = dirname(path);
    await mkdir(directory, { recursive: true });
    const tables = await ResultTables.open(new SqliteSql(path));
    return { topic: await LocalTopic.open(join(directory, "log"), topicName, warn), tables };
  }
}
