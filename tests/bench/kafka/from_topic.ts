/**
 * A topic that is full already → windows → MySQL: records a second, from the first that a node folds to the last.
 *
 * 1. What is folded the node's own counter tells, every 100 ms; what it told first is not counted.
 * 2. The node is then stopped and started again on its database alone, and every window of every sensor is verified.
 * 3. Each round has a node, a database and a mailbox of its own. Told is the round of the median rate.
 */

import { settings } from "../../../actors/settings.ts";
import { isRight, type Verification } from "../../verify/verifier.ts";
import { grouped, median, perSecond, type Row } from "../figure.ts";
import { lossText, verifyLoad } from "../load.ts";
import { loadFlags, seconds as wait, withBench } from "../measured_server.ts";
import { readMetrics } from "../metrics.ts";
import { cpuSecondsBetween, perMillionText, readAccount } from "../process_stats.ts";
import type { KafkaFigure, KafkaRun, Score } from "./kafka_figure.ts";
import { type FilledTopic, sensors, type TopicForm } from "./topics.ts";

const pollSeconds = 0.1;
/** Without one more record for so long, none will come. */
const stuckMs = 60_000;

interface Round extends Score {
  readonly cpu: string;
  readonly verification: Verification;
}

async function foldedBy(url: URL): Promise<number> {
  return (await readMetrics(url)).get("sensorium_messages_folded_total") ?? 0;
}

/** Resolves with how many are folded once it is as many as wanted. */
async function untilFolded(url: URL, wanted: number): Promise<number> {
  let [last, changedAtMs] = [0, performance.now()];
  for (;;) {
    const folded = await foldedBy(url);
    if (folded >= wanted) return folded;
    if (folded !== last) [last, changedAtMs] = [folded, performance.now()];
    if (performance.now() - changedAtMs > stuckMs) {
      throw new Error(
        `${wanted} records wait in the topic, and for ${stuckMs / 1000} s ${folded} have been folded`,
      );
    }
    await wait(pollSeconds);
  }
}

async function fold(
  run: KafkaRun,
  name: string,
  topic: FilledTopic,
  flags: readonly string[],
): Promise<Round> {
  const { servers, topics } = run;
  const own = [...loadFlags, "--entry-topic", topic.name, "--ok-topic", `${name}.ok`, ...flags];
  const round = await withBench(own, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    const pids = new Map([["node", pid], ...servers.pids]);
    const skipped = await untilFolded(bench.url, 1);
    const startedAtMs = performance.now();
    const before = await readAccount(pids);
    await untilFolded(bench.url, topic.records);
    const tookSeconds = (performance.now() - startedAtMs) / 1000;
    const after = await readAccount(pids);
    await server.stop();
    await bench.start();
    const verification = await verifyLoad(bench.url, [topic]);
    const records = topic.records - skipped;
    return {
      perSecond: records / tookSeconds,
      cpuPerMillion: cpuSecondsBetween(before.get("node") ?? null, after.get("node") ?? null) * 1e6 / records,
      cpu: perMillionText(before, after, records),
      verification,
    };
  }, { environment: servers.environment(name) });
  await topics.remove((topic) => topic.startsWith(`${name}.`));
  return round;
}

/** The round of the median rate, if all are right, and else the first that is not. */
function told(rounds: readonly Round[]): Round {
  const middle = median(rounds.map(({ perSecond }) => perSecond));
  const found = rounds.find(({ verification }) => !isRight(verification)) ??
    rounds.find(({ perSecond }) => perSecond === middle);
  if (found === undefined) throw new Error("A figure needs a round");
  return found;
}

interface TopicFigure {
  readonly name: string;
  readonly what: string;
  readonly form: TopicForm;
  readonly flags: (topic: FilledTopic) => readonly string[];
  readonly targetPerSecond: number;
  readonly targetCpuPerMillion: number;
}

async function measure(figure: TopicFigure, run: KafkaRun): Promise<readonly Row[]> {
  const { name, what, form, flags, targetPerSecond, targetCpuPerMillion } = figure;
  const topic = await run.topics.filled(form);
  const rounds: Round[] = [];
  for (let round = 1; round <= run.rounds; round++) {
    rounds.push(await fold(run, `bench_${name}_${round}`, topic, flags(topic)));
  }
  const middle = told(rounds);
  run.scores.set(name, middle);
  const rates = rounds.map(({ perSecond }) => grouped(perSecond)).join(", ");
  const cpuTarget = Number.isFinite(targetCpuPerMillion) ? `, ≤ ${targetCpuPerMillion} CPU-s a million` : "";
  return [{
    figure: `${what}: ${grouped(topic.records)} records of ${topic.meanBytes} bytes, ${sensors} sensors`,
    target: `≥ ${perSecond(targetPerSecond)}${cpuTarget}, all verified`,
    measured:
      `${perSecond(middle.perSecond)} (rounds: ${rates}), ${
        middle.cpuPerMillion.toFixed(1)
      } CPU-s a million; ` +
      lossText(middle.verification),
    isMet: isRight(middle.verification) && middle.perSecond >= targetPerSecond &&
      middle.cpuPerMillion <= targetCpuPerMillion,
    serverCpu: `for a million: ${middle.cpu}`,
    clientCpu: "",
  }];
}

export const rekeyed: KafkaFigure = {
  name: "rekeyed",
  meaning: "records a second of a topic without keys, through the mailboxes, into windows and MySQL",
  run: (run) =>
    measure({
      name: "rekeyed",
      what: "re-keyed topic → mailboxes → windows → MySQL",
      form: "unkeyed",
      flags: () => [],
      targetPerSecond: 60_000,
      targetCpuPerMillion: Infinity,
    }, run),
};

const keyedFlag = "--keyed-topics";
/** As Kafka Streams has them in `peer`: one for each processor. */
const keyedThreads = 2;

export const keyed: KafkaFigure = {
  name: "keyed",
  meaning: "records a second of a topic keyed by id, folded directly, into windows and MySQL",
  run: async (run) => {
    if (!settings.some(({ flag }) => flag === keyedFlag)) {
      console.log(`Skipped keyed: this node has no ${keyedFlag}, so it folds no foreign topic directly.\n`);
      return [];
    }
    return await measure({
      name: "keyed",
      what: `co-partitioned topic → windows → MySQL, ${keyedThreads} threads`,
      form: "keyed",
      flags: ({ name }) => [keyedFlag, name, "--threads", `${keyedThreads}`],
      targetPerSecond: 150_000,
      targetCpuPerMillion: 6,
    }, run);
  },
};
