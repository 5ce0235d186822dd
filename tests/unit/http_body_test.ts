/** Bodies on their way in: what they may hold of the memory together. */

import assert from "node:assert/strict";
import type { HttpLimits } from "../../actors/http/limits.ts";
import { type Bench, receiverInto, withApp } from "./http_app_under_test.ts";
import { FakeEngine } from "./http_fake_engine.ts";

const encoder = new TextEncoder();

interface Upload {
  readonly answer: Promise<Response>;
  /** Resolves when what was sent has been read. */
  put(bytes: Uint8Array): Promise<void>;
  end(): void;
  isAbandoned(): boolean;
}

interface WayIn {
  readonly method: string;
  readonly path: string;
  readonly type: string;
}

const readings: WayIn = { method: "POST", path: "/readings", type: "application/json" };

const waysIn: readonly WayIn[] = [
  readings,
  { method: "POST", path: "/series/a/history", type: "text/csv" },
  { method: "POST", path: "/api/v1/write", type: "application/x-protobuf" },
  { method: "PUT", path: "/rules/a", type: "application/json" },
];

/** An upload whose bytes come when the test says so. */
function upload(
  { ask }: Bench,
  { method, path, type }: WayIn,
  headers: Record<string, string> = {},
): Upload {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let wanted = Promise.withResolvers<void>();
  let isAbandoned = false;
  const body = new ReadableStream<Uint8Array>({
    start: (own) => void (controller = own),
    pull: () => wanted.resolve(),
    cancel: () => {
      isAbandoned = true;
      wanted.resolve();
    },
  }, { highWaterMark: 0 });
  const all = { "content-type": type, ...headers };
  return {
    answer: ask(path, { method, body, headers: all }),
    put: async (bytes) => {
      await wanted.promise;
      wanted = Promise.withResolvers();
      controller.enqueue(bytes);
      await wanted.promise;
    },
    end: () => controller.close(),
    isAbandoned: () => isAbandoned,
  };
}

const limits = { maxBodyBytes: 1000, maxBodiesBytes: 2500 };
const reading = `{"id":"a","values":{"t":1}}`;

for (const headers of [{}, { "content-length": "1000000" }]) {
  const form = "content-length" in headers ? "a known length" : "no length";
  Deno.test(`POST /readings refuses as overloaded what is above the bound of all bodies (${form})`, () => {
    const large = { maxBodyBytes: 1_000_000, maxBodiesBytes: 2_500_000 };
    return withApp({ limits: large }, async (bench) => {
      const stalled = [upload(bench, readings, headers), upload(bench, readings, headers)];
      for (const each of stalled) await each.put(new Uint8Array(999_000));
      const over = upload(bench, readings, headers);
      await over.put(new Uint8Array(600_000));
      const refused = await over.answer;
      assert.equal(refused.status, 503);
      assert.equal(refused.headers.get("retry-after"), "1");
      const { type, detail } = await refused.json();
      assert.equal(type, "/docs#problem-overloaded");
      assert.match(detail, /2500000 bytes/);
      assert.ok(over.isAbandoned(), "nothing more of it is read");
      // What was refused holds nothing any more.
      assert.equal((await bench.post("/readings", reading)).status, 202);
      for (const each of stalled) each.end();
      for (const each of stalled) assert.equal((await each.answer).status, 400);
      assert.deepEqual(bench.logged, []);
    });
  });
}

/** With every way in that takes a body. */
function withWaysIn(
  limits: Partial<HttpLimits>,
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  return withApp({ limits, remoteWrite: receiverInto(new FakeEngine()) }, test);
}

for (const last of waysIn) {
  Deno.test(`${last.method} ${last.path} shares the bound of all bodies with every other way in`, () =>
    withWaysIn(limits, async (bench) => {
      const stalled = waysIn.filter((each) => each !== last).map((each) => upload(bench, each));
      for (const each of stalled) await each.put(new Uint8Array(700));
      const over = upload(bench, last);
      await over.put(new Uint8Array(700));
      const refused = await over.answer;
      assert.equal(refused.status, 503);
      assert.match((await refused.json()).detail, /^Bodies on their way in hold 2100 of the 2500 bytes/);
      for (const each of stalled) each.end();
      for (const each of stalled) assert.equal((await each.answer).status, 400);
      assert.deepEqual(bench.logged, []);
    }));
}

type Ending = readonly [
  name: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer>,
  status: number,
];

const endings: readonly Ending[] = [
  ["it was taken", {}, reading.padEnd(900), 202],
  ["it was no JSON", {}, "x".repeat(900), 400],
  ["it was no UTF-8", {}, new Uint8Array(900).fill(255), 400],
  ["it was too large", {}, "x".repeat(1001), 413],
  ["it was no gzip", { "content-encoding": "gzip" }, "x".repeat(900), 400],
];

for (const [name, headers, body, status] of endings) {
  Deno.test(`A body gives its share of the bound back when ${name}`, () =>
    withApp({ limits }, async ({ ask }) => {
      for (let n = 0; n < 10; n++) {
        for (const length of [{}, { "content-length": String(new Blob([body]).size) }]) {
          const all = { "content-type": "application/json", ...headers, ...length };
          const response = await ask("/readings", { method: "POST", body, headers: all });
          assert.equal(response.status, status);
          await response.body?.cancel();
        }
      }
    }));
}

Deno.test("A body that stalls gives its share of the bound back at its deadline, on every way in", () =>
  withWaysIn({ ...limits, bodyDeadlineMs: 20 }, async (bench) => {
    for (const way of [...waysIn, ...waysIn]) {
      const stalled = upload(bench, way);
      await stalled.put(encoder.encode("x".repeat(900)));
      assert.equal((await stalled.answer).status, 408);
      assert.ok(stalled.isAbandoned());
    }
  }));

Deno.test("A body that breaks off gives its share of the bound back", () =>
  withApp({ limits }, async ({ ask }) => {
    for (let n = 0; n < 10; n++) {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(new Uint8Array(900));
          controller.error(new Error("gone"));
        },
      });
      const response = await ask("/readings", {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      });
      assert.equal(response.status, 400);
    }
  }));
