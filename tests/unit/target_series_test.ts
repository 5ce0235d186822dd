/** What of targets' pages and of servers' answers becomes values of series, and what is refused. */

import assert from "node:assert/strict";
import nodeExporter from "../data/prometheus/node_exporter.txt" with { type: "text" };
import { AnswerError } from "../../actors/sources/prometheus/answer_text.ts";
import { matrixSamples, parseMatrix } from "../../actors/sources/prometheus/matrix.ts";
import type { Refused, Tally } from "../../actors/sources/prometheus/scrape_messages.ts";
import { type ServerSpec, SourceSpec, type TargetSpec } from "../../actors/sources/prometheus/source_spec.ts";
import { TargetSeries } from "../../actors/sources/prometheus/target_series.ts";
import { seriesMessageType } from "../../actors/series/series.ts";

const atMs = Date.UTC(2026, 0, 31, 12);
const url = "http://h:9100/metrics";

function targetOf(more: Partial<TargetSpec> = {}): TargetSeries {
  const spec = SourceSpec.parse({ type: "target", url, ...more });
  assert.ok(spec.type === "target");
  return new TargetSeries(spec, "node");
}

function serverOf(more: Partial<ServerSpec> = {}): ServerSpec {
  const spec = SourceSpec.parse({ type: "prometheus", url: "http://h:9090", match: "up", ...more });
  assert.ok(spec.type === "prometheus");
  return spec;
}

function read(target: TargetSeries, text: string, nowMs = atMs) {
  const { samples, tally } = target.read({ text, format: "text", atMs: nowMs });
  for (const { message } of samples) assert.ok(seriesMessageType.accepts(message));
  return { ids: samples.map(({ id }) => id), messages: samples.map(({ message }) => message), tally };
}

/** Those that are not nought. */
function refusedOf({ refused }: Tally): Partial<Record<Refused, number>> {
  return Object.fromEntries(Object.entries(refused).filter(([, count]) => count > 0));
}

Deno.test("a page's series get the labels of their target, and keep their own under another name", () => {
  const { ids, messages } = read(
    targetOf({ labels: { zone: "a" } }),
    'up{job="x",zone="b",exported_zone="c"} 1\n',
  );
  assert.deepEqual(ids, [
    'up{exported_exported_zone="b",exported_job="x",exported_zone="c",instance="h:9100",job="node",zone="a"}',
  ]);
  assert.deepEqual(messages, [[atMs, null, 1]]);
});

Deno.test("a page's series are selected by any of the selectors, and renamed after that", () => {
  const match = ['a{x=~"1|2"}', '{__name__="b",job="node"}'];
  const page = 'a{x="1"} 1\na{x="3"} 1\nb 1\nc 1\n';
  const { ids, tally } = read(targetOf({ match, rename: { a: "first" } }), page);
  assert.deepEqual(ids, ['first{instance="h:9100",job="node",x="1"}', 'b{instance="h:9100",job="node"}']);
  assert.equal(tally.unmatched, 2);
});

Deno.test("a node exporter's page is taken but for the series whose id would have a control character", () => {
  const target = targetOf();
  const first = read(target, nodeExporter);
  assert.deepEqual(refusedOf(first.tally), { invalid: 1 });
  assert.match(
    first.tally.examples[0]!,
    /line \d+: the value of product_version, .* has a control character/,
  );
  assert.equal(first.tally.series, 3026);
  const second = read(target, nodeExporter, atMs + 15_000);
  assert.deepEqual(second.ids, first.ids);
  assert.deepEqual(second.tally, first.tally);
});

Deno.test("beyond max the first of the page are taken, and the others counted with examples", () => {
  const lines = Array.from({ length: 12 }, (_, i) => `a{i="${i}"} ${i}\n`).join("");
  const { ids, tally } = read(targetOf({ max: 10 }), lines);
  assert.equal(ids.length, 10);
  assert.deepEqual(refusedOf(tally), { beyond: 2 });
  assert.match(tally.examples[0]!, /^a\{i="10",.* is beyond the 10 series of max$/);
});

Deno.test("of a series that a page has twice the first counts, however it is written", () => {
  const { messages, tally } = read(targetOf(), 'a{x="1",y="2"} 1\na{y="2",x="1"} 2\na{x="1",y="2"} 3\n');
  assert.deepEqual(messages, [[atMs, null, 1]]);
  assert.deepEqual(refusedOf(tally), { duplicate: 2 });
  assert.equal(tally.series, 1);
});

Deno.test("what is no finite number is counted, and the rest goes on", () => {
  const { ids, tally } = read(targetOf(), "a NaN\nb +Inf\nc -Inf\nd 1\ne one\n");
  assert.equal(ids.length, 1);
  assert.deepEqual(refusedOf(tally), { notFinite: 3, broken: 1 });
  assert.ok(tally.examples.some((each) => each === 'line 5: "one" is no number'), tally.examples.join("\n"));
});

Deno.test("series that are not there any more are stale once, and counters that begin anew are counted", () => {
  const target = targetOf();
  const type = "# TYPE a counter\n";
  read(target, `${type}a 5\nb 5\nc 5\n`);
  const second = read(target, `${type}a 3\nb 3\n`).tally;
  assert.deepEqual([second.stale, second.resets], [1, 1]);
  const third = read(target, `${type}a 4\nb 3\n`).tally;
  assert.deepEqual([third.stale, third.resets], [0, 0]);
});

Deno.test("a sample with a time of its own counts once; one that goes back, or is far ahead, is refused", () => {
  const target = targetOf();
  const line = (ms: number) => `a 1 ${ms}\n`;
  assert.deepEqual(read(target, line(atMs - 5000)).messages, [[atMs - 5000, atMs - 5000, 1]]);
  assert.deepEqual(refusedOf(read(target, line(atMs - 5000)).tally), { repeated: 1 });
  assert.deepEqual(refusedOf(read(target, line(atMs - 6000)).tally), { backwards: 1 });
  assert.deepEqual(refusedOf(read(target, line(atMs + 3_600_000)).tally), { ahead: 1 });
  assert.equal(read(target, line(atMs)).messages.length, 1);
});

Deno.test("examples tell of each reason, and are few and short", () => {
  const many = Array.from({ length: 100 }, (_, i) => `a${i} NaN\n`).join("");
  const long = `b{x="${"y".repeat(2000)}"} 1\n`;
  const { examples } = read(targetOf(), `${many}${long}c c\nd 1\nd 1\n`).tally;
  assert.equal(examples.length, 5);
  for (const reason of [/is NaN/, /at most 1,?024 bytes/, /is no number/, /more than once/]) {
    assert.ok(examples.some((each) => reason.test(each)), `${reason} in ${examples.join("\n")}`);
  }
  assert.ok(examples.every((each) => each.length <= 201));
});

function matrix(...result: readonly unknown[]): string {
  return JSON.stringify({ status: "success", data: { resultType: "matrix", result } });
}

Deno.test("a server's answer gives each value its time, and its millisecond as its number, as remote write does", () => {
  const seconds = atMs / 1000;
  const text = matrix(
    {
      metric: { __name__: "up", job: "b" },
      values: [[seconds, "1"], [seconds + 15, "NaN"], [seconds + 30, "x"]],
    },
    { metric: { __name__: "up", job: "a" }, values: [[seconds - 0.5, "1e3"]] },
    { metric: { __name__: "up", job: "a" }, values: [[seconds, "7"]] },
    { metric: { job: "c" }, values: [[seconds, "7"]] },
  );
  const spec = serverOf({ rename: { up: "alive" }, labels: { dc: "x" } });
  const read = matrixSamples(parseMatrix(text, 200), { spec, nowMs: atMs, isImport: true });
  assert.deepEqual(read.samples, [
    { id: 'alive{dc="x",job="a"}', message: [atMs - 500, atMs - 500, 1000, 1] },
    { id: 'alive{dc="x",job="b"}', message: [atMs, atMs, 1, 1] },
  ]);
  assert.deepEqual(refusedOf(read.tally), { duplicate: 1, notFinite: 1, broken: 1, invalid: 1 });
  const bounded = matrixSamples(parseMatrix(text, 200), {
    spec: { ...spec, max: 1 },
    nowMs: atMs,
    isImport: false,
  });
  assert.deepEqual(bounded.samples.map(({ message }) => message), [[atMs - 500, atMs - 500, 1000]]);
  assert.equal(refusedOf(bounded.tally).beyond, 1);
});

const answers: readonly (readonly [text: string, status: number, code: string, sentence: RegExp])[] = [
  ["<html>", 404, "not-metrics", /answers with 404 and no JSON: it is no Prometheus server/],
  ["{}", 200, "not-metrics", /JSON that is no range of values/],
  [
    '{"status":"error","errorType":"bad_data","error":"parse\\nerror"}',
    400,
    "status",
    /^It answers with 400, bad_data: parse error$/,
  ],
];

for (const [text, status, code, sentence] of answers) {
  Deno.test(`parseMatrix() says what is wrong with ${text}`, () => {
    assert.throws(() => parseMatrix(text, status), (thrown) => {
      assert.ok(thrown instanceof AnswerError);
      assert.equal(thrown.code, code);
      assert.match(thrown.message, sentence);
      return true;
    });
  });
}
