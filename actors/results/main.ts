/**
 * `deno task results`: see `--help`. Exit codes: 0 stopped as asked, 1 failed, 2 refused, 130 interrupted twice.
 *
 * 1. What somebody has to mend ends it at the start, with one sentence; what may pass by itself is waited for.
 */

import type { Servers } from "../../runtime/node/options.ts";
import { refusalOf } from "../../runtime/log/kafka/errors.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { backoffMs } from "../../runtime/node/retry.ts";
import { storeError } from "../../runtime/store/mysql/errors.ts";
import { connectOrMake } from "../../runtime/store/mysql/schema.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { unlessAborted } from "../../runtime/unless_aborted.ts";
import { Refusal } from "../cli/refusal.ts";
import { untilStopSignal } from "../cli/stop_signal.ts";
import type { TaskArguments } from "../cli/read_arguments.ts";
import { print, runTask } from "../cli/run_task.ts";
import { pause } from "../pause.ts";
import { KafkaTopic } from "./kafka_topic.ts";
import { tellIntervalMs } from "./limits.ts";
import { MySqlSql } from "./mysql_sql.ts";
import { readTask, type ResultsTask, spec } from "./read_task.ts";
import { runStoring } from "./storing.ts";
import { ResultTables } from "./tables.ts";
import { Tally } from "./tally.ts";

async function openTopic({ kafka }: Servers, name: string): Promise<KafkaTopic> {
  const topic = new KafkaTopic(kafka, name);
  try {
    await topic.make();
    return topic;
  } catch (thrown) {
    const refusal = refusalOf(thrown, kafka);
    throw refusal === null ? thrown : new Refusal(`${spec.doing}: ${refusal.message}`, { cause: thrown });
  }
}

async function openTables({ mysql }: Servers): Promise<ResultTables> {
  try {
    (await connectOrMake(mysql)).destroy();
    return await ResultTables.open(new MySqlSql(mysql));
  } catch (thrown) {
    const known = storeError(thrown, "store results");
    if (!(known instanceof StoreError) || known.code === "unavailable") throw thrown;
    throw new Refusal(known.message, { cause: thrown });
  }
}

/** Null: it was stopped before. Throws a `Refusal`. */
async function untilOpen<T>(
  server: string,
  open: () => Promise<T>,
  signal: AbortSignal,
  warn: (sentence: string) => void,
): Promise<T | null> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await unlessAborted(open(), signal);
    } catch (thrown) {
      if (thrown instanceof Refusal) throw thrown;
      const reason = errorMessage(thrown).replace(/\.$/, "");
      if (failures === 1) warn(`${server} cannot be reached: ${reason}. Waiting for it.`);
      await pause(backoffMs(failures), signal);
    }
  }
  return null;
}

async function work(given: TaskArguments): Promise<number> {
  const task = readTask(given, Deno.env.toObject(), (path) => Deno.readTextFileSync(path));
  const stopped = new AbortController();
  void untilStopSignal().then(() => stopped.abort());
  await storeUntil(stopped.signal, task);
  return 0;
}

async function storeUntil(signal: AbortSignal, task: ResultsTask): Promise<void> {
  const { servers, retentionMs, redactor } = task;
  const { kafka, mysql } = servers;
  const say = (sentence: string) => print(`${redactor.text(sentence)}\n`);
  const warn = (sentence: string) => console.error(redactor.text(sentence));
  const kafkaAt = `Kafka at ${kafka.brokers.join(",")}`;
  const mysqlAt = `MySQL at ${mysql.host}:${mysql.port}/${mysql.database}`;
  const topic = await untilOpen(kafkaAt, () => openTopic(servers, task.topic), signal, warn);
  const tables = await untilOpen(mysqlAt, () => openTables(servers), signal, warn);
  const tally = new Tally(say);
  const telling = setInterval(() => tally.tell(), tellIntervalMs);
  try {
    if (topic === null || tables === null) return;
    say(`Stores ${task.topic} of ${kafkaAt} in ${mysqlAt}. Ctrl-C stops it.`);
    await runStoring({
      topic,
      tables,
      retentionMs,
      signal,
      nowMs: Date.now,
      onStored: (batch) => tally.add(batch),
      warn,
      info: say,
    });
  } finally {
    clearInterval(telling);
    await topic?.close();
    await tables?.close();
    tally.tell();
    say(`Stopped. ${tally.total}`);
  }
}

await runTask(spec, Deno.args, work);
