/** Results on real servers: those of a node's rules, those of somebody else, and who stores them when somebody dies. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { freePorts } from "../../deploy/services/free_port.ts";
import type { Node } from "../services/node.ts";
import { childOf, killHard } from "../services/process_tree.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { assertDone, assertRefused, runTask } from "./operations.ts";
import { type ForeignRecord, ResultsStage, ResultsTask, valuesRecord } from "./results_stage.ts";

const deadlineMs = 60_000;
const minuteMs = 60_000;
const noonMs = Math.floor(Date.now() / minuteMs) * minuteMs;

function resultsTest(name: string, test: (stage: ResultsStage) => Promise<void>): void {
  Deno.test({
    name,
    ignore: skipUnlessServed("The test of results on servers", ["kafka", "mysql"]),
    async fn() {
      await using stage = await ResultsStage.open();
      await test(stage);
    },
  });
}

async function request(node: Node, path: string, init: RequestInit = {}) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(node.url + path, { headers, ...init });
  const text = await response.text();
  assert.ok(response.ok, `${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

async function itemOf(node: Node, path: string) {
  return await eventually(`an item of ${path}`, deadlineMs, async () => {
    return (await request(node, path)).items[0] ?? null;
  });
}

/** How many results a node has stored or refused itself. */
async function counted(adminUrl: string, outcome: "stored" | "refused"): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(
    new RegExp(`^sensorium_results_total\\{outcome="${outcome}"\\} (\\d+)$`, "m").exec(text)?.[1],
  );
}

function many(count: number, from = 0): ForeignRecord[] {
  return Array.from({ length: count }, (_, i) => valuesRecord(`s${(from + i) % 50}`, noonMs + from + i));
}

/** Each of `many(count)` is there, once, as it was first sent. */
async function assertEachOnce(stage: ResultsStage, count: number): Promise<void> {
  const rows = await stage.rows("SELECT id, max FROM metric_values");
  const ids = new Set(rows.map(({ id }) => id instanceof Uint8Array ? new TextDecoder().decode(id) : id));
  assert.equal(rows.length, count);
  assert.deepEqual(ids, new Set(many(count).map(({ key }, i) => `${key}/${noonMs + i}`)));
  assert.ok(rows.every(({ max }) => max === 2));
}

const rule = {
  match: '{__name__="wave"}',
  do: ["values", "metadata", "forecast"],
  every: { look: "1s", values: "10s", metadata: "10s", forecast: "10s" },
};

/** Three hours of a season of half an hour, a value a minute. */
const wave = Array.from({ length: 180 }, (_, i) => ({
  id: "wave",
  ts: noonMs - (180 - i) * minuteMs,
  value: 100 + 10 * Math.sin(2 * Math.PI * i / 30) + (i * 7919 % 13) / 13,
}));

resultsTest("what a node's rule finds is in the tables of MySQL, and answered", async (stage) => {
  await using node = await stage.startNode();
  await request(node, "/rules/waves", { method: "PUT", body: JSON.stringify(rule) });
  await request(node, "/series", { method: "POST", body: JSON.stringify(wave[0]) });
  await eventually("the rule to select the series", deadlineMs, async () => {
    return (await request(node, "/rules/waves")).selected === 1 ? true : null;
  });
  await request(node, "/series?import=1", { method: "POST", body: JSON.stringify(wave) });
  const prediction = await itemOf(node, "/prediction_of_metric_values?series=wave");
  assert.equal(prediction.forecast.path.length, 10);
  const values = await itemOf(node, "/max_min_avg_std_metric?series=wave&window=12h");
  assert.equal(values.span, "12h");
  const { metadata, verdict } = await itemOf(
    node,
    "/autocorrelation_stationarity_seasonality_metadata?series=wave",
  );
  assert.equal(metadata.verdict, verdict);
  for (const table of ["metric_values", "metric_metadata", "metric_forecasts"]) {
    const [row] = await stage.rows(`SELECT COUNT(*) AS count FROM ${table} WHERE series = 'wave'`);
    assert.ok(Number(row?.["count"]) > 0, table);
  }
  assert.deepEqual(await stage.refused(), []);
});

resultsTest("a foreign producer's results are stored, the rest is refused with its place", async (stage) => {
  await stage.make(2);
  const alarm = JSON.stringify({ v: 1, kind: "alarm", id: "a", series: "s", at: 1, tookMs: 0 });
  const bad: readonly (string | Uint8Array | null)[] = [
    "metrics!",
    alarm,
    JSON.stringify({ padding: "x".repeat(600 * 1024) }),
    new Uint8Array([0x22, 0xe9, 0x22]),
    null,
  ];
  const good = many(7);
  const records = bad.flatMap((value, i) => [good[i]!, { key: "bad", value }]);
  await stage.send(records.map((record) => ({ ...record, partition: 1 })));
  await stage.send([{ ...good[5]!, partition: 0 }, { key: "bad", value: "{", partition: 0 }]);
  await using node = await stage.startNode();
  // Records come as they like: another program's repeats as well.
  await stage.send([...good.slice(0, 5), good[6]!].map((record) => ({ ...record, partition: 1 })));
  assert.deepEqual(await stage.untilRead(), [2, 16]);
  await assertEachOnce(stage, 7);
  const reasons = [
    [0, 1, /^it is not JSON$/],
    [1, 1, /^it is not JSON$/],
    [1, 3, /^kind: /],
    [1, 5, /^it has \d+ bytes, and 524288 are the most$/],
    [1, 7, /^it is not UTF-8$/],
    [1, 9, /^it is empty$/],
  ] as const;
  const refused = await stage.refused();
  assert.deepEqual(
    refused.map(({ part, offset }) => [part, offset]),
    reasons.map(([part, at]) => [part, at]),
  );
  for (const [i, [, , reason]] of reasons.entries()) assert.match(refused[i]!.reason, reason);
  const [{ topic } = {}] = await stage.rows(
    "SELECT DISTINCT CONVERT(topic USING utf8mb4) AS topic FROM metric_refused",
  );
  assert.equal(topic, stage.topic);
  assert.equal(await counted(node.adminUrl, "refused"), 6);
  assert.equal((await itemOf(node, "/max_min_avg_std_metric?series=s6")).max, 2);
});

resultsTest("a node that is killed in the middle of 5,000 records stores each once", async (stage) => {
  await stage.make(2);
  await using node = await stage.startNode();
  await stage.send(many(2500));
  await stage.untilRead();
  {
    await using _held = await stage.hold(`s0/${noonMs + 4000}`);
    await stage.send(many(2500, 2500));
    await stage.untilWaiting();
    killHard(await node.pid());
    const stored = await stage.stored();
    assert.ok(2500 <= stored && stored < 5000, `${stored} were stored`);
  }
  // Its launcher starts it again. The first 100 once more, and with another value:
  await stage.send(Array.from({ length: 100 }, (_, i) => valuesRecord(`s${i % 50}`, noonMs + i, 3)));
  const ends = await stage.untilRead();
  assert.equal(ends.reduce((sum, end) => sum + end), 5100);
  await assertEachOnce(stage, 5000);
  assert.deepEqual(await stage.refused(), []);
});

resultsTest(
  "two nodes share the topic's partitions, and one has both when the other is gone",
  async (stage) => {
    await stage.make(2);
    const adminPort = freePorts(2);
    await using node = await stage.startNode({ adminPort, flags: ["--nodes", "2"] });
    const adminUrls = [adminPort, adminPort + 1].map((port) => `http://127.0.0.1:${port}`);
    await eventually("each node to have a partition", deadlineMs, async () => {
      const { groups: [group] } = await stage.admin.describeGroups([`${stage.prefix}.results`]);
      const members = group?.members.filter(({ memberAssignment }) => memberAssignment.length > 0) ?? [];
      return group?.state === "Stable" && members.length === 2 ? true : null;
    });
    await stage.send(many(1000));
    const ends = await stage.untilRead();
    await assertEachOnce(stage, 1000);
    const shares = await Promise.all(adminUrls.map((url) => counted(url, "stored")));
    assert.deepEqual(shares.toSorted((a, b) => a - b), ends.toSorted((a, b) => a - b));
    assert.ok(shares.every((share) => share > 0), `they stored ${shares}`);
    const launcher = await node.launcherPid();
    killHard(await childOf(launcher));
    await stage.send(many(1000, 1000));
    await stage.untilRead();
    await assertEachOnce(stage, 2000);
  },
);

resultsTest(
  "the task stores what there is without a node, goes on after a kill, and ends in order",
  async (stage) => {
    {
      await using task = new ResultsTask(stage.flags, stage.environment);
      await task.untilSaid(/^Stores .*prometheusdata of Kafka at .* in MySQL at .*\. Ctrl-C stops it\.$/m);
      await stage.send([...many(300), { key: "bad", value: "metrics!" }]);
      await stage.untilRead();
      const output = assertDone(await task.stop());
      assert.match(output, /refused 1 record, the last \S+\/[01] at offset \d+: it is not JSON$/m);
      assert.match(output, /\nStopped\. In all it stored 300 results and refused 1 record\.\n$/);
    }
    await using killed = new ResultsTask(stage.flags, stage.environment);
    await stage.send(many(1000, 300));
    await stage.untilStored(301);
    killHard(await childOf(killed.pid));
    await killed.ended();
    await using task = new ResultsTask(stage.flags, stage.environment);
    await stage.send(many(700, 1300));
    await stage.untilRead();
    await assertEachOnce(stage, 2000);
    assertDone(await task.stop());
  },
);

resultsTest("a topic that is deleted and made anew is read from its beginning", async (stage) => {
  await stage.make(1);
  {
    await using task = new ResultsTask(stage.flags, stage.environment);
    await stage.send(many(200));
    await stage.untilRead();
    assertDone(await task.stop());
  }
  await stage.admin.deleteTopics({ topics: [stage.topic] });
  await eventually("the topic to be gone", deadlineMs, async () => {
    return (await stage.admin.listTopics()).includes(stage.topic) ? null : true;
  });
  await stage.make(1);
  await using task = new ResultsTask(stage.flags, stage.environment);
  await stage.send([...many(20), ...many(30, 200)]);
  await stage.untilStored(230);
  assert.deepEqual(await stage.untilRead(), [50]);
  await assertEachOnce(stage, 230);
  assertDone(await task.stop());
});

resultsTest(
  "the task refuses what somebody has to mend with one sentence, and waits for the rest",
  async (stage) => {
    const { environment, flags } = stage;
    const url = new URL(environment["MYSQL_URL"] ?? "");
    url.username = "nobody";
    url.password = "hidden";
    const denied = await runTask("results", flags, { ...environment, MYSQL_URL: url.href });
    assertRefused(
      denied,
      /^Cannot store results: Access denied for user 'nobody'.*; correct the user or the password/,
    );
    assertRefused(await runTask("results", ["--topics", "x"], environment), /there is no flag --topics/);
    assertRefused(await runTask("results", []), /KAFKA_BROKERS and MYSQL_URL are not set/);
    assert.match(assertDone(await runTask("results", ["--help"])), /Ctrl-C[^]*--results-topic TOPIC/);

    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await using task = new ResultsTask(flags, { ...environment, KAFKA_BROKERS: `127.0.0.1:${port}` });
    await task.untilSaid(/Waiting for it/);
    const { code, errors } = await task.stop();
    assert.equal(code, 0, errors);
    assert.match(errors, /^Kafka at 127\.0\.0\.1:\d+ cannot be reached: .*\. Waiting for it\.\n$/);
  },
);
