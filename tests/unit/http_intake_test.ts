import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { maxAheadMs } from "../../runtime/core/limits.ts";
import { maxNotedPerBody } from "../../actors/http/limits.ts";
import { EngineError, type EngineErrorCode } from "../../runtime/node/engine.ts";
import { type Bench, withApp } from "./http_app_under_test.ts";
import { fakeNowMs } from "./http_fake_engine.ts";

const reading = { id: "a", ts: fakeNowMs, seq: 1, values: { temperature: 21.5 } };
const text = JSON.stringify(reading);
const gzip = (body: string | Uint8Array) => new Uint8Array(gzipSync(body));

interface Good {
  readonly name: string;
  readonly body: BodyInit;
  readonly headers?: Record<string, string>;
  readonly ids: readonly string[];
}

const json = { "content-type": "application/json" };
const goodBodies: readonly Good[] = [
  { name: "an object", body: text, ids: ["a"] },
  { name: "an array", body: `[${text},{"id":7,"values":{"t":1}}]`, ids: ["a", "7"] },
  { name: "an empty array", body: "[]", ids: [] },
  {
    name: "NDJSON with empty lines",
    body: `${text}\r\n\n${text}\n`,
    headers: { "content-type": "application/x-ndjson" },
    ids: ["a", "a"],
  },
  { name: "gzip", body: gzip(text), headers: { ...json, "content-encoding": "gzip" }, ids: ["a"] },
  {
    name: "a charset",
    body: text,
    headers: { "content-type": "application/json; charset=UTF-8" },
    ids: ["a"],
  },
  {
    name: "a panel whose values are strings",
    body: `{"id":"p","smoke":"true","temperature":"25.5"}`,
    ids: ["p"],
  },
];

for (const { name, body, headers, ids } of goodBodies) {
  Deno.test(`POST /readings accepts ${name}`, () =>
    withApp({}, async ({ post, engine }) => {
      const response = await post("/readings", body, headers ?? json);
      assert.equal(response.status, 202);
      assert.deepEqual(await response.json(), { accepted: ids.length, rejected: [] });
      assert.deepEqual(
        engine.sent.map(({ kind, id }) => ({ kind, id })),
        ids.map((id) => ({ kind: "sensor", id })),
      );
    }));
}

interface Bad {
  readonly name: string;
  readonly path?: string;
  readonly body: BodyInit;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  readonly says: RegExp;
}

const badBodies: readonly Bad[] = [
  { name: "malformed JSON", body: `{"id":`, status: 400, code: "malformed-body", says: /not JSON/ },
  { name: "nothing", body: "", status: 400, code: "malformed-body", says: /empty/ },
  {
    name: "NaN",
    body: `{"id":"a","values":{"t":NaN}}`,
    status: 400,
    code: "malformed-body",
    says: /not JSON/,
  },
  {
    name: "what is not UTF-8",
    body: new Uint8Array([34, 255, 34]),
    status: 400,
    code: "malformed-body",
    says: /UTF-8/,
  },
  {
    name: "a wrong type",
    body: `{"id":"a","values":{"t":"warm"}}`,
    status: 400,
    code: "nothing-accepted",
    says: /warm/,
  },
  {
    name: "an id of 0 characters",
    body: `{"id":"","values":{"t":1}}`,
    status: 400,
    code: "nothing-accepted",
    says: /empty/,
  },
  {
    name: "an id of 10,000 characters",
    body: `{"id":"${"x".repeat(10_000)}","values":{"t":1}}`,
    status: 400,
    code: "nothing-accepted",
    says: /1024 bytes/,
  },
  {
    name: "a date far ahead",
    body: JSON.stringify({ ...reading, ts: "2027-01-01T00:00:00Z" }),
    status: 400,
    code: "nothing-accepted",
    says: /5 minutes ahead/,
  },
  {
    name: "a time that no calendar has",
    body: JSON.stringify({ ...reading, ts: 1e300 }),
    status: 400,
    code: "nothing-accepted",
    says: /ts|time/,
  },
  {
    name: "deep nesting",
    body: `{"id":"a","values":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`,
    status: 400,
    code: "malformed-body",
    says: /32 deep/,
  },
  {
    name: "nesting that is deep for a small body",
    body: `{"id":"a","values":${"[".repeat(8000)}${"]".repeat(8000)}}`,
    status: 400,
    code: "nothing-accepted",
    says: /values/,
  },
  { name: "a scalar", body: "17", status: 400, code: "nothing-accepted", says: /object/ },
  {
    name: "a form",
    body: text,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    status: 415,
    code: "unknown-media-type",
    says: /application\/json/,
  },
  {
    name: "another charset",
    body: text,
    headers: { "content-type": "application/json; charset=latin1" },
    status: 415,
    code: "unknown-media-type",
    says: /UTF-8/,
  },
  {
    name: "another encoding",
    body: text,
    headers: { ...json, "content-encoding": "br" },
    status: 415,
    code: "unknown-media-type",
    says: /gzip/,
  },
  {
    name: "what is not gzip",
    body: text,
    headers: { ...json, "content-encoding": "gzip" },
    status: 400,
    code: "malformed-body",
    says: /not gzip/,
  },
  {
    name: "half of a gzip",
    body: gzip(text).slice(0, 20),
    headers: { ...json, "content-encoding": "gzip" },
    status: 400,
    code: "malformed-body",
    says: /not gzip/,
  },
  {
    name: "a gzip bomb",
    body: gzip(new Uint8Array(32 * 1024 * 1024)),
    headers: { ...json, "content-encoding": "gzip" },
    status: 413,
    code: "body-too-large",
    says: /unpacks to more/,
  },
  {
    name: "a body over the limit",
    body: `"${"x".repeat(9 * 1024 * 1024)}"`,
    status: 413,
    code: "body-too-large",
    says: /8388608 bytes/,
  },
  {
    name: "too many items",
    body: `[${"0,".repeat(10_000)}0]`,
    status: 413,
    code: "body-too-large",
    says: /10000 items; this one has 10001/,
  },
  {
    name: "an unknown parameter",
    path: "/readings?imprt=1",
    body: text,
    status: 400,
    code: "bad-parameter",
    says: /imprt/,
  },
  {
    name: "import=yes",
    path: "/readings?import=yes",
    body: text,
    status: 400,
    code: "bad-parameter",
    says: /yes/,
  },
  {
    name: "a key of spaces",
    body: text,
    headers: { ...json, "idempotency-key": "a b" },
    status: 400,
    code: "bad-key",
    says: /visible ASCII/,
  },
  {
    name: "a key that is too long",
    body: text,
    headers: { ...json, "idempotency-key": "k".repeat(256) },
    status: 400,
    code: "bad-key",
    says: /256 characters/,
  },
];

for (const { name, path, body, headers, status, code, says } of badBodies) {
  Deno.test(`POST /readings refuses ${name} and takes the next body`, () =>
    withApp({}, async ({ post, engine, logged }) => {
      const response = await post(path ?? "/readings", body, headers ?? json);
      await assertProblem(response, status, code, says);
      assert.deepEqual(engine.sent, []);
      assert.equal((await post("/readings", text)).status, 202);
      assert.deepEqual(logged, []);
    }));
}

async function assertProblem(response: Response, status: number, code: string, says: RegExp): Promise<void> {
  assert.equal(response.status, status);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = await response.json();
  assert.equal(problem.type, `/docs#problem-${code}`);
  assert.equal(problem.status, status);
  assert.match(problem.detail, says);
  assert.ok(problem.title.length > 0 && !("stack" in problem));
}

Deno.test("POST /readings keeps the good items of an array and names the bad ones", () =>
  withApp({}, async ({ post, engine }) => {
    const items = [reading, { id: "b" }, reading, { ...reading, ts: fakeNowMs + maxAheadMs + 1 }];
    const response = await post("/readings", JSON.stringify(items));
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 2);
    assert.deepEqual(rejected.map(({ index, code }: { index: number; code: string }) => [index, code]), [
      [1, "invalid"],
      [3, "too-far-ahead"],
    ]);
    assert.equal(engine.sent.length, 2);
  }));

Deno.test("POST /readings keeps the good lines of NDJSON and names the bad ones in order", () =>
  withApp({}, async ({ post }) => {
    const body = ["{", text, `{"id":"b"}`, "nonsense"].join("\n");
    const response = await post("/readings", body, { "content-type": "application/x-ndjson" });
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 1);
    assert.deepEqual(rejected.map(({ index, code }: { index: number; code: string }) => [index, code]), [
      [0, "malformed"],
      [2, "invalid"],
      [3, "malformed"],
    ]);
  }));

Deno.test("POST /readings lists the rejected items when all are", () =>
  withApp({}, async ({ post }) => {
    const response = await post("/readings", `[{},{"id":"a"}]`);
    const { accepted, rejected } = await response.json();
    assert.equal(response.status, 400);
    assert.equal(accepted, 0);
    assert.equal(rejected.length, 2);
  }));

Deno.test("POST /readings leaves an unnumbered, undated reading to the log and marks history", () =>
  withApp({}, async ({ post, engine }) => {
    await post("/readings", `{"id":"a","values":{"t":1}}`);
    await post("/readings?import=1", text);
    assert.deepEqual(engine.sent.map(({ message }) => message), [
      [null, null, 0, "t", 1],
      [fakeNowMs, 1, 1, "temperature", 21.5],
    ]);
  }));

Deno.test("POST /readings gives the idempotency key to the engine", () =>
  withApp({}, async ({ post, engine }) => {
    await post("/readings", text, { ...json, "idempotency-key": "body-1" });
    assert.deepEqual(engine.sent.map(({ key }) => key), ["body-1"]);
  }));

Deno.test("POST /readings sends the same items of a keyed body, however late it is repeated", () =>
  withApp({}, async ({ post, engine }) => {
    const keyed = { ...json, "idempotency-key": "body-1" };
    // 2.5 s more than an item may be ahead while its key is remembered: a repeat 3 s later finds it acceptable.
    const ahead = { ...reading, ts: fakeNowMs + maxAheadMs + 10 * 60_000 + 2500 };
    const body = JSON.stringify([ahead, reading]);
    const answer = { accepted: 2, rejected: [] };
    assert.deepEqual(await (await post("/readings", body, keyed)).json(), answer);
    engine.nowMs += 3000;
    assert.deepEqual(await (await post("/readings", body, keyed)).json(), answer);
    const [first, second] = [engine.sent.slice(0, 2), engine.sent.slice(2)];
    assert.deepEqual(second, first);
  }));

Deno.test("POST /series accepts an id, and a name with labels", () =>
  withApp({}, async ({ post, engine }) => {
    const body = [{ id: "load1", value: 0.5 }, {
      name: "cpu",
      labels: { mode: "user", core: "0" },
      value: 1,
    }];
    assert.equal((await post("/series", JSON.stringify(body))).status, 202);
    assert.deepEqual(engine.sent.map(({ kind, id }) => [kind, id]), [
      ["series", "load1"],
      ["series", `cpu{core="0",mode="user"}`],
    ]);
  }));

const failures: readonly (readonly [EngineErrorCode, number, string])[] = [
  ["starting", 503, "starting"],
  ["stopping", 503, "stopping"],
  ["overloaded", 503, "overloaded"],
  ["unavailable", 503, "unavailable"],
  ["keys_full", 429, "keys-full"],
  ["log_full", 507, "disk-full"],
  ["timeout", 504, "no-answer-in-time"],
];

for (const [failure, status, code] of failures) {
  Deno.test(`POST /readings answers ${status} with Retry-After when the engine is ${failure}`, () =>
    withApp({}, async ({ post, engine, logged }) => {
      engine.failure = new EngineError(failure, "The engine says so", 2.5);
      const response = await post("/readings", text);
      assert.equal(response.headers.get("retry-after"), "3");
      await assertProblem(response, status, code, /The engine says so/);
      assert.deepEqual(logged, []);
    }));
}

Deno.test("POST /readings answers 500 without a word of the cause, and logs it, when something unexpected happens", () =>
  withApp({}, async ({ post, engine, logged }) => {
    engine.failure = new Error("secret detail");
    const response = await post("/readings", text);
    assert.equal(response.status, 500);
    assert.ok(!(await response.text()).includes("secret"));
    assert.deepEqual(logged, ["Cannot answer POST /readings: secret detail"]);
  }));

Deno.test("POST /readings notes as moving the first actors of a body, and no more than the bound", () =>
  withApp({}, async ({ app, post }) => {
    const ids = Array.from({ length: maxNotedPerBody + 1 }, (_, i) => `s${i}`);
    await post("/readings", JSON.stringify(ids.map((id) => ({ id, values: { t: 1 } }))));
    const noted = new Set(app.moving.list().map(({ id }) => id));
    assert.deepEqual(noted, new Set(ids.slice(0, maxNotedPerBody)));
  }));

Deno.test("POST /readings counts items by kind and reason", () =>
  withApp({}, async ({ post, ask }: Bench) => {
    await post("/readings", `[${text},{"id":"b"}]`);
    const metrics = await (await ask("/metrics")).text();
    assert.match(metrics, /sensorium_http_items_accepted_total\{kind="sensor"\} 1/);
    assert.match(metrics, /sensorium_http_items_rejected_total\{kind="sensor",reason="invalid"\} 1/);
    assert.match(metrics, /sensorium_http_requests_total\{route="\/readings",status="202"\} 1/);
    assert.match(metrics, /sensorium_frames_total 7/);
  }));
