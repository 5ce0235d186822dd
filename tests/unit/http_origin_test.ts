/** Requests that a page of another site makes in its visitor's browser: `actors/http/origin.ts`. */

import assert from "node:assert/strict";
import { withApp } from "./http_app_under_test.ts";
import { answered } from "./http_fake_engine.ts";

const host = { host: "localhost:5002" };
const cases: readonly (readonly [sender: string, headers: Record<string, string>, isRefused: boolean])[] = [
  ["a program, which names no origin", host, false],
  ["the live page", { ...host, origin: "http://localhost:5002", "sec-fetch-site": "same-origin" }, false],
  ["the live page behind a proxy that changes Host", {
    ...host,
    origin: "https://sensors.example.org",
    "sec-fetch-site": "same-origin",
  }, false],
  ["the live page in an old browser", { ...host, origin: "http://localhost:5002" }, false],
  ["another site's page", { ...host, origin: "https://evil.example", "sec-fetch-site": "cross-site" }, true],
  ["another site's form", { ...host, "sec-fetch-site": "cross-site" }, true],
  ["another port's page", { ...host, origin: "http://localhost:80", "sec-fetch-site": "same-site" }, true],
  ["another site's page in an old browser", { ...host, origin: "https://evil.example" }, true],
  ["a page without an origin", { ...host, origin: "null" }, true],
];

for (const [sender, headers, isRefused] of cases) {
  Deno.test(`POST is ${isRefused ? "refused with 403" : "taken"} when it comes from ${sender}`, () =>
    withApp({}, async ({ ask, engine }) => {
      engine.replays = 1;
      const body = new TextEncoder().encode(`{"id":"a","values":{"t":1}}`);
      const intake = await ask("/readings", { method: "POST", headers, body });
      const replay = await ask("/dead-letters/5-41-0/replay", { method: "POST", headers });
      for (const response of [intake, replay]) {
        assert.equal(response.status, isRefused ? 403 : 202);
        const { type } = await response.json();
        assert.equal(type, isRefused ? "/docs#problem-cross-origin" : undefined);
      }
      assert.equal(engine.sent.length, isRefused ? 0 : 1);
    }));
}

Deno.test("GET is answered when another site links to it", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    const headers = { ...host, origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
    assert.equal((await ask("/sensors/a", { headers })).status, 200);
  }));
