/**
 * Kafka Streams on the same topics, one run after ours: see `../peers/kafka-streams/README.md` for what is equal.
 *
 * 1. A round whose panes do not hold every record once, sensor by sensor, is refused: it has no rate.
 */

import { TextLineStream } from "./lines.ts";
import { z } from "zod";
import { errorMessage } from "../../../runtime/core/errors.ts";
import { streamsVersion } from "../peers/kafka-streams/jars.ts";
import { type JavaProgram, preparePeer } from "../peers/kafka-streams/program.ts";
import { expectedSums, sensorSums, wrongSensors } from "../peers/kafka-streams/sums.ts";
import { grouped, median, perSecond, type Row } from "../figure.ts";
import { type Account, perMillionText, readAccount } from "../process_stats.ts";
import type { KafkaFigure, KafkaRun, Score } from "./kafka_figure.ts";
import { type FilledTopic, shards, type TopicForm } from "./topics.ts";

/** One for each core: with one alone it was slower. */
const streamThreads = 2;
/** The second is its default with exactly_once_v2, the first ours. */
const commitIntervalsMs = [1000, 100] as const;
const deadlineMs = 10 * 60_000;

const lastLine = z.object({ records: z.number(), seconds: z.number(), cpuSeconds: z.number() });

interface Course {
  readonly topic: FilledTopic;
  readonly commitMs: number;
  /** Its application id. */
  readonly name: string;
}

interface PeerRound extends Score {
  /** Of the servers, for a million records. */
  readonly cpu: string;
}

/** Throws where it fails, or has not counted every record once. */
async function compete(java: JavaProgram, run: KafkaRun, course: Course): Promise<PeerRound> {
  const { servers, topics } = run;
  const { topic, commitMs, name } = course;
  const folder = await Deno.makeTempDir({ prefix: "sensorium-bench-" });
  const form = topic.form === "keyed" ? "keyed" : "rekeyed";
  const parts = [
    servers.brokers,
    topic.name,
    topic.records,
    commitMs,
    streamThreads,
    form,
    shards,
    name,
    folder,
  ];
  const process = new Deno.Command(java.program, {
    args: [...java.args, ...parts.map(String)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(deadlineMs),
  }).spawn();
  const complaints = new Response(process.stderr).text();
  try {
    const result = await read(process.stdout, servers.pids);
    const { success } = await process.status;
    if (result === null || !success) throw new Error(`it failed. It printed:\n${await complaints}`);
    const wrong = wrongSensors(expectedSums(topic.ledger), result.sums);
    if (wrong > 0) throw new Error(`${wrong} sensors do not have what was sent`);
    return result.round;
  } finally {
    await process.status;
    await complaints;
    await Deno.remove(folder, { recursive: true });
    await topics.remove((topic) => topic.startsWith(`${name}-`));
  }
}

/** Null when it ended before it was through. */
async function read(output: ReadableStream<Uint8Array>, servers: ReadonlyMap<string, number>) {
  const sums = new Map<string, z.infer<typeof sensorSums>["channels"]>();
  let before: Account | null = null;
  let round: PeerRound | null = null;
  for await (const line of output.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
    const [word = ""] = line.split(" ", 1);
    const text = line.slice(word.length + 1);
    if (word === "first") before = await readAccount(servers);
    else if (word === "last" && before !== null) {
      const { records, seconds, cpuSeconds } = lastLine.parse(JSON.parse(text));
      round = {
        perSecond: records / seconds,
        cpuPerMillion: cpuSeconds * 1e6 / records,
        cpu: perMillionText(before, await readAccount(servers), records),
      };
    } else if (word === "sensor") {
      const { id, channels } = sensorSums.parse(JSON.parse(text));
      sums.set(id, channels);
    }
  }
  return round === null ? null : { round, sums };
}

function ratioText(ours: Score, theirs: Score): string {
  const rate = (ours.perSecond / theirs.perSecond).toFixed(2);
  const cpu = (ours.cpuPerMillion / theirs.cpuPerMillion).toFixed(2);
  return `ours has ${rate} of its rate with ${cpu} of its processor time`;
}

async function measureCourse(
  java: JavaProgram,
  run: KafkaRun,
  form: TopicForm,
  commitMs: number,
): Promise<Row> {
  const topic = await run.topics.filled(form);
  const what = form === "keyed" ? "co-partitioned topic" : "re-keyed topic";
  const figure = `Kafka Streams ${streamsVersion}, ${what}, exactly_once_v2, commits each ${commitMs} ms`;
  const ours = run.scores.get(form === "keyed" ? "keyed" : "rekeyed") ?? null;
  const rounds: PeerRound[] = [];
  try {
    for (let round = 1; round <= run.rounds; round++) {
      const scored = await compete(java, run, { topic, commitMs, name: `peer-${form}-${commitMs}-${round}` });
      console.log(`${figure}, round ${round}: ${perSecond(scored.perSecond)}`);
      rounds.push(scored);
    }
  } catch (thrown) {
    const measured = `refused: ${errorMessage(thrown)}`;
    return { figure, target: "", measured, isMet: false, serverCpu: "", clientCpu: "" };
  }
  const middle = median(rounds.map(({ perSecond }) => perSecond));
  const theirs = rounds.find(({ perSecond }) => perSecond === middle)!;
  const rates = rounds.map(({ perSecond }) => grouped(perSecond)).join(", ");
  return {
    figure,
    target: ours === null ? "" : "ours faster, with less",
    measured:
      `${perSecond(theirs.perSecond)} (rounds: ${rates}), ${
        theirs.cpuPerMillion.toFixed(1)
      } CPU-s a million; ` + (ours === null ? "ours was not measured" : ratioText(ours, theirs)),
    isMet: ours === null
      ? null
      : ours.perSecond >= theirs.perSecond && ours.cpuPerMillion <= theirs.cpuPerMillion,
    serverCpu: `for a million: Streams ${theirs.cpuPerMillion.toFixed(1)}, ${theirs.cpu}`,
    clientCpu: "",
  };
}

export const peer: KafkaFigure = {
  name: "peer",
  meaning: "the same by Kafka Streams, with the ratios; also as --peer",
  run: async (run) => {
    const java = await preparePeer();
    const rows: Row[] = [];
    for (const form of ["keyed", "unkeyed"] as const) {
      for (const commitMs of commitIntervalsMs) rows.push(await measureCourse(java, run, form, commitMs));
    }
    return rows;
  },
};
