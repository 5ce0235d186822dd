/** Records of the topic of results: what can be stored of them, and what is refused. */

import assert from "node:assert/strict";
import { batchOf } from "../../actors/results/batch.ts";
import { maxIdBytes, maxResultBytes, maxSeriesBytes, refusedBytes } from "../../actors/results/limits.ts";
import { Tally } from "../../actors/results/tally.ts";

const place = { topic: "prometheusdata", part: 3 };
const utf8 = new TextEncoder();

const window = { from: 0, to: 1, count: 1, max: 1, min: 1, avg: 1, std: null };
const good = { v: 1, kind: "values", id: "i", series: "s", at: 1, tookMs: 0.5, windows: { "1h": window } };

function refusalOf(value: Uint8Array | null): string | null {
  const { results, refused } = batchOf(place, 0, 1, [{ position: 0, value }]);
  assert.equal(results.length + refused.length, 1);
  return refused[0]?.reason ?? null;
}

function refusalOfJson(value: unknown): string | null {
  return refusalOf(utf8.encode(JSON.stringify(value)));
}

Deno.test("batchOf() refuses what is no result, and says why", () => {
  const cases: readonly (readonly [what: string, value: Uint8Array | null, reason: RegExp])[] = [
    ["nothing", null, /^it is empty$/],
    ["no JSON", utf8.encode("metrics!"), /^it is not JSON$/],
    ["Latin-1", new Uint8Array([0x22, 0xe9, 0x22]), /^it is not UTF-8$/],
    ["too much", new Uint8Array(maxResultBytes + 1), /^it has 524289 bytes, and 524288 are the most$/],
    ["a number", utf8.encode("1"), /^it: /],
    ["another kind", utf8.encode(JSON.stringify({ ...good, kind: "alarm" })), /^kind: /],
    ["another version", utf8.encode(JSON.stringify({ ...good, v: 2 })), /^v: /],
    ["another window", utf8.encode(JSON.stringify({ ...good, windows: { "2h": window } })), /^windows: /],
    ["no finite number", utf8.encode(JSON.stringify(good).replace("0.5", "1e999")), /^tookMs: /],
  ];
  for (const [what, value, reason] of cases) assert.match(refusalOf(value) ?? "stored", reason, what);
});

Deno.test("batchOf() takes ids and series that fit their columns, by bytes", () => {
  assert.equal(refusalOfJson(good), null);
  assert.equal(refusalOfJson({ ...good, id: "é".repeat(maxIdBytes / 2) }), null);
  assert.match(
    refusalOfJson({ ...good, id: "é".repeat(maxIdBytes / 2) + "x" }) ?? "",
    /^id: .*1 to 1200 bytes/,
  );
  assert.equal(refusalOfJson({ ...good, series: "s".repeat(maxSeriesBytes) }), null);
  assert.match(refusalOfJson({ ...good, series: "s".repeat(maxSeriesBytes + 1) }) ?? "", /^series: /);
  assert.match(refusalOfJson({ ...good, id: "" }) ?? "", /^id: /);
  // As an escape: a half of a pair has no bytes of its own.
  assert.match(refusalOf(utf8.encode(JSON.stringify({ ...good, id: "\ud800" }))) ?? "", /^id: /);
});

Deno.test("batchOf() leaves out what is stored already, and keeps the beginning of what it refuses", () => {
  const text = utf8.encode("x".repeat(1000));
  const records = [5, 6, 7].map((position) => ({ position, value: text }));
  const { refused, from, next } = batchOf(place, 6, 8, records);
  assert.deepEqual([from, next], [6, 8]);
  assert.deepEqual(refused.map(({ position, beginning }) => [position, beginning.length]), [
    [6, refusedBytes],
    [7, refusedBytes],
  ]);
});

Deno.test("Tally tells what is new since the last line, and where the last record was that was refused", () => {
  const lines: string[] = [];
  const tally = new Tally((line) => lines.push(line));
  tally.tell();
  const value = utf8.encode(JSON.stringify(good));
  tally.add(batchOf(place, 0, 1, [{ position: 0, value }]));
  tally.tell();
  tally.tell();
  const records = Array.from({ length: 1200 }, (_, position) => ({ position: position + 1, value }));
  tally.add(batchOf(place, 1, 1202, [...records, { position: 1201, value: null }]));
  tally.tell();
  assert.deepEqual(lines, [
    "Stored 1 result",
    "Stored 1,200 results; refused 1 record, the last prometheusdata/3 at offset 1201: it is empty",
  ]);
  assert.equal(tally.total, "In all it stored 1,201 results and refused 1 record.");
});
