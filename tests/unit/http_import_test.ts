/** A series' history as CSV, brought in over HTTP. */

import assert from "node:assert/strict";
import { RuleSpec } from "../../actors/rules/rule_spec.ts";
import { withApp } from "./http_app_under_test.ts";
import { answered, fakeNowMs } from "./http_fake_engine.ts";

const path = `/series/${encodeURIComponent('load{host="a"}')}/history`;
const csv = { "content-type": "text/csv" };

Deno.test("POST /series/{id}/history sends each good line as history, and names the bad ones", () =>
  withApp({ retentionMs: 3_600_000 }, async ({ engine, post }) => {
    const text = `timestamp,value\r\n${fakeNowMs},1.5\r\nbroken\r\n2020-01-01 00:00:00,2\r\n`;
    const response = await post(path, text, { ...csv, "idempotency-key": "k" });
    assert.equal(response.status, 202);
    const { rejected, ...counts } = await response.json();
    assert.deepEqual(counts, { accepted: 2, forgotten: 1 });
    assert.deepEqual(rejected.map(({ line, code }: { line: number; code: string }) => [line, code]), [
      [3, "malformed"],
    ]);
    const common = { kind: "series", id: 'load{host="a"}', key: "k" };
    assert.deepEqual(engine.sent, [
      { ...common, message: [Date.UTC(2020, 0, 1), null, 2, 1] },
      { ...common, message: [fakeNowMs, null, 1.5, 1] },
    ]);
  }));

Deno.test("POST /series/{id}/history refuses lines after `until`, by default after five minutes from now", () =>
  withApp({}, async ({ post }) => {
    const accepted = async (query: string) => {
      const times = [0, 299_000, 301_000].map((aheadMs) => `${fakeNowMs + aheadMs},1\n`);
      return (await (await post(`${path}${query}`, times.join(""), csv)).json()).accepted;
    };
    assert.equal(await accepted(""), 2);
    assert.equal(await accepted(`?until=${fakeNowMs}`), 1);
  }));

Deno.test("POST /series/{id}/history tells the series first what rules want of it, and asks rules once in a while", () => {
  let nowMs = 0;
  return withApp({ nowMs: () => nowMs }, async ({ engine, post }) => {
    const id = 'load{host="a"}';
    const spec = RuleSpec.parse({ match: "load", do: ["metadata"] });
    engine.ids = ["loads"];
    engine.answer = () => answered({ spec, series: [] });
    const take = async () => {
      assert.equal((await post(path, `${fakeNowMs},1.5\n`, csv)).status, 202);
      return engine.sent.splice(0).map(({ kind, message }) => [kind, message]);
    };
    const values = [["series", [fakeNowMs, null, 1.5, 1]]];
    const offer = [
      ["analysis", { analyse: { metadata: { everyMs: 900_000 } }, by: "loads" }],
      ["rule", { offered: [id] }],
    ];
    assert.deepEqual(await take(), [...offer, ...values]);
    assert.deepEqual(await take(), values);
    nowMs += 1000;
    engine.answer = () => answered({ spec, series: [id] });
    assert.deepEqual(await take(), values);
    assert.equal(engine.asked.length, 2);
    nowMs += 1000;
    engine.answer = () => answered({ spec: null, series: [] });
    assert.deepEqual(await take(), values);
  });
});

Deno.test("POST /series/{id}/history sends the oldest line first, and leaves those of one time as they are", () =>
  withApp({}, async ({ engine, post }) => {
    const lines = [[2, 20], [3, 30], [1, 10], [2, 21]].map(([ms, value]) => `${fakeNowMs + ms!},${value}\n`);
    assert.equal((await post(path, lines.join(""), csv)).status, 202);
    assert.deepEqual(engine.sent.map(({ message }) => (message as number[])[2]), [10, 20, 21, 30]);
  }));

Deno.test("POST /series/{id}/history knows of a rule that was made here just before", () =>
  withApp({ nowMs: () => 0 }, async ({ engine, post, ask }) => {
    const take = () => post(path, `${fakeNowMs},1.5\n`, csv);
    engine.answer = () => ({ type: "absent", ageMs: 0 });
    await take();
    await ask("/rules/loads", { method: "PUT", body: JSON.stringify({ match: "load", do: ["metadata"] }) });
    engine.ids = ["loads"];
    engine.answer = () => answered({ spec: RuleSpec.parse({ match: "load", do: ["metadata"] }), series: [] });
    engine.sent.length = 0;
    await take();
    assert.deepEqual(engine.sent.map(({ kind }) => kind), ["analysis", "rule", "series"]);
  }));

const refused = [
  [
    "another media type",
    "1,1\n",
    { "content-type": "application/json" },
    415,
    /Content-Type is application\/json/,
  ],
  [
    "nothing good in it",
    "<html>\n</html>\n",
    csv,
    400,
    /All 2 lines were refused; the first, 1: It has no comma/,
  ],
  ["a bad key", "1,1\n", { ...csv, "idempotency-key": "a b" }, 400, /Idempotency-Key/],
  ["too many lines", "1,1\n".repeat(10_001), csv, 413, /at most 10000 lines; this one has 10001/],
  ["an empty body", " \n\n", csv, 400, /The body is empty/],
  ["garbage for gzip", "1,1\n", { ...csv, "content-encoding": "gzip" }, 400, /not gzip/],
] as const;

for (const [name, body, headers, status, detail] of refused) {
  Deno.test(`POST /series/{id}/history refuses ${name}`, () =>
    withApp({}, async ({ engine, post }) => {
      const response = await post(path, body, { ...headers });
      assert.equal(response.status, status);
      assert.match((await response.json()).detail, detail);
      assert.deepEqual(engine.sent, []);
    }));
}

Deno.test("POST /series/{id}/history takes a header alone", () =>
  withApp({}, async ({ post }) => {
    const response = await post(path, "timestamp,value\n", csv);
    assert.equal(response.status, 202);
    assert.deepEqual(await response.json(), { accepted: 0, rejected: [], forgotten: 0 });
  }));
