/** Rates per id and per client, as a client meets them. */

import assert from "node:assert/strict";
import { parseProxies } from "../../actors/http/client_address.ts";
import type { Connection } from "../../actors/http/shared.ts";
import { packed, requestOf } from "../services/write_request.ts";
import { receiverInto, withApp } from "./http_app_under_test.ts";
import { FakeEngine } from "./http_fake_engine.ts";
import { Registry } from "../../runtime/prom_client.ts";

const json = { "content-type": "application/json" };
const readings = (id: string, count: number) => JSON.stringify(Array(count).fill({ id, values: { t: 1 } }));

/** A rate of 10 a second, 100 at once, by a clock that the test moves. */
function limited(key: "maxRatePerId" | "maxRatePerClient") {
  const clock = { nowMs: 5000 };
  const registry = new Registry();
  return { clock, registry, limits: { [key]: 10 }, nowMs: () => clock.nowMs };
}

Deno.test("POST /readings refuses by place what is above an id's rate, and takes the rest", () => {
  const options = limited("maxRatePerId");
  return withApp(options, async ({ post, engine }) => {
    assert.equal((await post("/readings", readings("a", 99))).status, 202);
    const body = `[${readings("a", 1).slice(1, -1)},${readings("a", 1).slice(1, -1)},${
      readings("b", 1).slice(1, -1)
    }]`;
    const response = await post("/readings", body);
    assert.equal(response.status, 202);
    const { accepted, rejected } = await response.json();
    assert.equal(accepted, 2);
    assert.deepEqual(rejected, [{
      index: 1,
      code: "rate-limited",
      sentence: '"a" sends more than 10 a second; send again in 1 s',
    }]);
    assert.equal(engine.sent.filter(({ id }) => id === "a").length, 100);
    assert.match(
      await options.registry.metrics(),
      /items_rejected_total\{kind="sensor",reason="rate-limited"\} 1/,
    );
  });
});

Deno.test("POST /readings answers 429 with Retry-After when an id's rate leaves nothing of a body", () => {
  const options = limited("maxRatePerId");
  return withApp(options, async ({ post }) => {
    await post("/readings", readings("a", 100));
    const refused = await post("/readings", readings("a", 1));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    const { type, rejected } = await refused.json();
    assert.equal(type, "/docs#problem-rate-limited");
    assert.deepEqual(rejected.map(({ index }: { index: number }) => index), [0]);
    assert.match(await options.registry.metrics(), /http_refusals_total\{reason="rate-limited"\} 1/);
    options.clock.nowMs += 100;
    assert.equal((await post("/readings", readings("a", 1))).status, 202);
  });
});

Deno.test("A keyed body is taken as a whole or put off as a whole, and its repeat is the same messages", () => {
  const options = limited("maxRatePerId");
  return withApp(options, async ({ post, engine }) => {
    const keyed = (key: string, body: string) => post("/readings", body, { ...json, "idempotency-key": key });
    assert.equal((await keyed("one", readings("a", 150))).status, 202);
    const body = `[${readings("b", 1).slice(1, -1)},${readings("a", 1).slice(1, -1)}]`;
    const refused = await keyed("two", body);
    assert.equal(refused.status, 429);
    // 50 are owed, and one more is asked for.
    assert.equal(refused.headers.get("retry-after"), "6");
    assert.equal(engine.sent.length, 150);
    options.clock.nowMs += 5100;
    const first = await keyed("two", body);
    assert.deepEqual(await first.json(), { accepted: 2, rejected: [] });
    options.clock.nowMs += 1000;
    assert.deepEqual(await (await keyed("two", body)).json(), { accepted: 2, rejected: [] });
    assert.deepEqual(engine.sent.slice(150, 152), engine.sent.slice(152));
  });
});

Deno.test("History is not limited by an id's rate, and kinds do not share one", () =>
  withApp(limited("maxRatePerId"), async ({ post }) => {
    assert.equal((await post("/readings?import=1", readings("a", 1000))).status, 202);
    assert.equal((await post("/readings", readings("a", 100))).status, 202);
    const point = `{"name":"a","value":1}`;
    assert.equal((await post("/series", point)).status, 202);
  }));

const from = (hostname: string): Connection => ({ remoteAddr: { transport: "tcp", hostname, port: 1 } });

Deno.test("A client above its rate gets 429 whatever it asks; others do not", () => {
  const options = limited("maxRatePerClient");
  return withApp({ ...options, token: "secret-token" }, async ({ app }) => {
    const ask = async (hostname: string) =>
      await app.fetch(new Request("http://localhost/sensors"), from(hostname));
    for (let count = 0; count < 100; count++) assert.equal((await ask("192.0.2.1")).status, 401);
    const refused = await ask("192.0.2.1");
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal(refused.headers.get("ratelimit-policy"), '"client";q=100;w=10');
    assert.equal(refused.headers.get("ratelimit"), '"client";r=0;t=10');
    assert.match((await refused.json()).detail, /^192\.0\.2\.1 asks and sends more than 10 /);
    assert.equal((await ask("192.0.2.2")).status, 401);
    options.clock.nowMs += 100;
    assert.equal((await ask("192.0.2.1")).status, 401);
  });
});

Deno.test("A body counts as many as it has items, for the client that a trusted proxy names", () => {
  const options = { ...limited("maxRatePerClient"), trustedProxies: parseProxies("127.0.0.1")! };
  return withApp(options, async ({ app }) => {
    const send = async (client: string) => {
      const headers = { ...json, "x-forwarded-for": client };
      const request = new Request("http://localhost/readings", {
        method: "POST",
        headers,
        body: readings("a", 120),
      });
      return await app.fetch(request, from("127.0.0.1"));
    };
    const taken = await send("192.0.2.1");
    assert.equal(taken.status, 202);
    assert.equal(taken.headers.get("ratelimit"), '"client";r=0;t=12');
    const refused = await send("192.0.2.1");
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "3");
    assert.equal((await send("192.0.2.2")).status, 202);
  });
});

const samples = packed(requestOf([{ labels: { __name__: "up" }, samples: Array(30).fill([1, 1000]) }]));
const snappy = { "content-type": "application/x-protobuf", "content-encoding": "snappy" };

const otherBodies = [
  ["/series/a/history", "a line of CSV", "1000,1\n".repeat(30), { "content-type": "text/csv" }, 202],
  ["/api/v1/write", "a sample that Prometheus writes", samples, snappy, 204],
] as const;

for (const [path, item, body, headers, status] of otherBodies) {
  Deno.test(`POST ${path} counts each item for its client, which is ${item}`, () => {
    const remoteWrite = receiverInto(new FakeEngine());
    return withApp({ ...limited("maxRatePerClient"), remoteWrite }, async ({ post }) => {
      for (const left of [70, 40, 10, 0]) {
        const response = await post(path, body, { ...headers });
        assert.equal(response.status, status);
        assert.match(response.headers.get("ratelimit") ?? "", new RegExp(`;r=${left};`));
      }
      assert.equal((await post(path, body, { ...headers })).status, 429);
    });
  });
}
