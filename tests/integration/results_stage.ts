/** A topic of results and a database of a test alone on real servers, a producer of somebody else's, and who stores. */

import type { Admin, Producer } from "kafkajs";
import { kafkaClient } from "../../runtime/log/kafka/client.ts";
import { retries } from "../../runtime/log/kafka/limits.ts";
import { MySqlConnection } from "../../runtime/store/mysql/connection.ts";
import type { MySqlSettings } from "../../runtime/store/mysql/settings.ts";
import { dropDatabase, newDatabase, withConnection } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { Node, type NodeOptions } from "../services/node.ts";
import { serverAddress, uniqueName } from "../services/servers.ts";
import type { TaskEnd } from "./operations.ts";

const root = new URL("../../", import.meta.url);
const deadlineMs = 60_000;
/** InnoDB makes its table of transactions anew only when nobody has read it for 100 ms: whoever reads oftener sees it as it was. */
const transactionsPauseMs = 200;

export interface ForeignRecord {
  readonly key: string;
  readonly value: string | Uint8Array | null;
  readonly partition?: number;
}

export interface RefusedRow {
  readonly part: number;
  readonly offset: number;
  readonly reason: string;
}

/** As another program would write it: `at` is what makes one of a series another result. */
export function valuesRecord(series: string, at: number, max = 2): ForeignRecord {
  const window = { from: at - 3_600_000, to: at, count: 2, max, min: 1, avg: 1.5, std: 0.5 };
  const result = {
    v: 1,
    kind: "values",
    id: `${series}/${at}`,
    series,
    at,
    tookMs: 3,
    windows: { "1h": window },
  };
  return { key: series, value: JSON.stringify(result) };
}

export class ResultsStage implements AsyncDisposable {
  readonly prefix = uniqueName("results");
  readonly topic = `${this.prefix}.prometheusdata`;
  readonly environment: Readonly<Record<string, string>>;
  readonly flags = ["--prefix", this.prefix, "--results-topic", this.topic];
  readonly admin: Admin;
  readonly #producer: Producer;
  readonly #mysql: MySqlSettings = newDatabase();

  private constructor() {
    const brokers = serverAddress("kafka");
    const url = new URL(serverAddress("mysql"));
    url.pathname = `/${this.#mysql.database}`;
    this.environment = { KAFKA_BROKERS: brokers, MYSQL_URL: url.href };
    const client = kafkaClient(
      { brokers: brokers.split(","), tls: null, sasl: null, prefix: this.prefix },
      retries,
    );
    this.admin = client.admin();
    this.#producer = client.producer({ allowAutoTopicCreation: false });
  }

  static async open(): Promise<ResultsStage> {
    const stage = new ResultsStage();
    await Promise.all([stage.admin.connect(), stage.#producer.connect()]);
    return stage;
  }

  async startNode(options: Partial<NodeOptions> = {}): Promise<Node> {
    const { topic, prefix } = this;
    const topics = ["--entry-topic", `${topic}.ENTRY`, "--ok-topic", `${topic}.OK`];
    const flags = [
      "--prefix",
      prefix,
      "--results-topic",
      topic,
      ...topics,
      "--shards",
      "4",
      "--no-host-metrics",
    ];
    return await Node.start({
      dataDir: "not-used",
      environment: this.environment,
      ...options,
      flags: [...flags, ...options.flags ?? []],
    });
  }

  async make(numPartitions: number): Promise<void> {
    await this.admin.createTopics({ topics: [{ topic: this.topic, numPartitions }], waitForLeaders: true });
  }

  async send(records: readonly ForeignRecord[]): Promise<void> {
    const messages = records.map(({ value, ...record }) => ({
      ...record,
      value: value instanceof Uint8Array ? Buffer.from(value) : value,
    }));
    await this.#producer.send({ topic: this.topic, acks: -1, messages });
  }

  async rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return await withConnection(this.#mysql, (connection) => connection.rows(sql), this.#mysql.database);
  }

  /** How many results of windows are stored; 0 while there is no table. */
  async stored(): Promise<number> {
    try {
      const [row] = await this.rows("SELECT COUNT(*) AS count FROM metric_values");
      return Number(row?.["count"]);
    } catch {
      return 0;
    }
  }

  async untilStored(count: number): Promise<void> {
    await eventually(`${count} stored results`, deadlineMs, async () => {
      return await this.stored() >= count ? true : null;
    });
  }

  /** Somebody's open transaction has this result: whoever stores it waits, with what else is in their own. */
  async hold(id: string): Promise<AsyncDisposable> {
    const connection = await MySqlConnection.open(this.#mysql);
    await connection.run("START TRANSACTION");
    await connection.run(
      "INSERT INTO metric_values (id, series, at, span, from_ms, to_ms, count) VALUES (?, 's', 1, '1h', 0, 1, 0)",
      [id],
    );
    return {
      [Symbol.asyncDispose]: async () => {
        connection.destroy();
        await connection.lost;
      },
    };
  }

  /** Once a transaction that has stored results already waits for one that is held. */
  async untilWaiting(): Promise<void> {
    const isWaiting = async () => {
      const waiting = await this.rows(
        "SELECT 1 FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p " +
          "ON p.ID = t.trx_mysql_thread_id WHERE p.DB = DATABASE() AND t.trx_state = 'LOCK WAIT' " +
          "AND t.trx_rows_modified > 100",
      );
      return waiting.length > 0 ? true : null;
    };
    await eventually("a transaction to wait", deadlineMs, isWaiting, transactionsPauseMs);
  }

  async refused(): Promise<readonly RefusedRow[]> {
    const rows = await this.rows("SELECT * FROM metric_refused ORDER BY part, record_offset");
    return rows.map((row) => ({
      part: Number(row["part"]),
      offset: Number(row["record_offset"]),
      reason: String(row["reason"]),
    }));
  }

  /** Once everything in the topic is stored or refused: where each of its partitions ends. */
  async untilRead(): Promise<readonly number[]> {
    return await eventually("the topic to be read to its end", deadlineMs, async () => {
      const ends = (await this.admin.fetchTopicOffsets(this.topic)).toSorted((a, b) =>
        a.partition - b.partition
      );
      const rows = await this.rows("SELECT part, next_offset FROM metric_positions");
      const stored = new Map(rows.map((row) => [Number(row["part"]), Number(row["next_offset"])]));
      const isRead = ends.every(({ partition, high }) => (stored.get(partition) ?? 0) === Number(high));
      return isRead ? ends.map(({ high }) => Number(high)) : null;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const topics = (await this.admin.listTopics()).filter((topic) => topic.startsWith(this.prefix));
    if (topics.length > 0) await this.admin.deleteTopics({ topics });
    await Promise.all([this.admin.disconnect(), this.#producer.disconnect()]);
    await dropDatabase(this.#mysql);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) add(text);
}

/** `deno task results`, as a process of its own. */
export class ResultsTask implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #output = "";
  #errors = "";

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "results", ...args],
      cwd: root,
      env: { NO_COLOR: "1", ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.#process;
    this.#reading = Promise.all([
      collect(stdout, (text) => this.#output += text),
      collect(stderr, (text) => this.#errors += text),
    ]);
  }

  async untilSaid(sentence: RegExp): Promise<void> {
    await eventually(`the task to say ${sentence}`, deadlineMs, () => {
      return Promise.resolve(sentence.test(`${this.#output}\n${this.#errors}`) || null);
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  async stop(): Promise<TaskEnd> {
    this.#process.kill("SIGTERM");
    return await this.ended();
  }

  async ended(): Promise<TaskEnd> {
    const { code } = await this.#process.status;
    await this.#reading;
    return { code, output: this.#output, errors: this.#errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } catch {
      // It has ended by itself.
      await this.ended();
    }
  }
}
