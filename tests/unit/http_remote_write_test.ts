/** The route that Prometheus writes to: what it answers. */

import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import { packed, requestOf } from "../services/write_request.ts";
import { receiverInto, unknowingReceiver, withApp } from "./http_app_under_test.ts";
import { FakeEngine } from "./http_fake_engine.ts";

const protobuf = { "content-type": "application/x-protobuf", "content-encoding": "snappy" };
const body = packed(requestOf([{ labels: { __name__: "up" }, samples: [[1, 1000]] }]));

type Write = (bytes: BodyInit, headers: Readonly<Record<string, string>>) => Promise<Response>;

function withReceiver(test: (engine: FakeEngine, write: Write) => Promise<void>): Promise<void> {
  const engine = new FakeEngine();
  return withApp(
    { remoteWrite: receiverInto(engine) },
    ({ post: postTo }) => test(engine, (bytes, headers) => postTo("/api/v1/write", bytes, { ...headers })),
  );
}

Deno.test("POST /api/v1/write answers 204 when all is durable, and for what has only metadata", () =>
  withReceiver(async (engine, write) => {
    assert.equal((await write(body, protobuf)).status, 204);
    assert.equal((await write(packed(requestOf([])), protobuf)).status, 204);
    assert.deepEqual(engine.sent.map(({ kind, id, message }) => [kind, id, message]), [
      ["series", "up", [1000, 1000, 1]],
    ]);
  }));

const passing = [["overloaded", 503], ["unavailable", 503], ["keys_full", 429]] as const;

for (const [code, status] of passing) {
  Deno.test(`POST /api/v1/write answers ${status} with Retry-After when the engine is ${code}`, () =>
    withReceiver(async (engine, write) => {
      engine.failure = new EngineError(code, "Not now", 7);
      const response = await write(body, protobuf);
      assert.equal(response.status, status);
      assert.equal(response.headers.get("retry-after"), "7");
      await response.body?.cancel();
    }));
}

Deno.test("POST /api/v1/write answers 503 while it is not known what is to be taken", () => {
  const engine = new FakeEngine();
  const remoteWrite = unknowingReceiver(engine);
  return withApp({ remoteWrite, limits: { askDeadlineMs: 50 } }, async ({ post }) => {
    const early = await post("/api/v1/write", body, protobuf);
    assert.equal(early.status, 503);
    assert.match((await early.json()).detail, /^It is not known yet what is to be taken of remote write/);
    assert.deepEqual(engine.sent, []);
    remoteWrite.follow(null);
    assert.equal((await post("/api/v1/write", body, protobuf)).status, 204);
  });
});

const refused = [
  ["HTML", "<html></html>", protobuf, 400, /^The body is not a block of snappy: /],
  [
    "protobuf that is cut off",
    packed(requestOf([{ labels: { a: "b" }, samples: [] }]).slice(0, -1)),
    protobuf,
    400,
    /./,
  ],
  ["JSON", "{}", { "content-type": "application/json" }, 415, /understood are application\/x-protobuf/],
  ["gzip", body, { ...protobuf, "content-encoding": "gzip" }, 415, /Content-Encoding gzip; understood/],
] as const;

for (const [name, bytes, headers, status, detail] of refused) {
  Deno.test(`POST /api/v1/write refuses ${name}`, () =>
    withReceiver(async (engine, write) => {
      const response = await write(bytes, headers);
      assert.equal(response.status, status);
      assert.match((await response.json()).detail, detail);
      assert.deepEqual(engine.sent, []);
    }));
}
