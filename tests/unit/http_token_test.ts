import assert from "node:assert/strict";
import { withApp } from "./http_app_under_test.ts";

const token = "correct-horse";
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });

const guarded = [
  "/sensors",
  "/sensors/a",
  "/actors",
  "/dead-letters",
  "/metrics",
  "/events",
  "/openapi.json",
  "/docs",
  "/nowhere",
  "/readings",
];

for (const path of guarded) {
  Deno.test(`GET ${path} asks for the token`, () =>
    withApp({ token }, async ({ ask }) => {
      for (
        const init of [{}, bearer("wrong"), bearer("correct-horsE"), { headers: { authorization: token } }]
      ) {
        const response = await ask(path, init);
        assert.equal(response.status, 401);
        assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer realm="sensorium"/);
        assert.equal((await response.json()).type, "/docs#problem-unauthorized");
      }
      const response = await ask(path, bearer(token));
      assert.notEqual(response.status, 401);
      await response.body?.cancel();
    }));
}

Deno.test("POST /readings asks for the token before it reads", () =>
  withApp({ token }, async ({ post, engine }) => {
    const body = `{"id":"a","values":{"t":1}}`;
    assert.equal((await post("/readings", body)).status, 401);
    assert.equal(engine.sent.length, 0);
    const headers = { "content-type": "application/json", authorization: `bearer ${token}` };
    assert.equal((await post("/readings", body, headers)).status, 202);
  }));

for (const path of ["/healthz", "/readyz", "/", "/?token=correct-horse", "/web/page.js"]) {
  Deno.test(`GET ${path} needs no token`, () =>
    withApp({ token }, async ({ ask }) => assert.equal((await ask(path)).status, 200)));
}

Deno.test("Only /docs takes the token from its address", () =>
  withApp({ token }, async ({ ask }) => {
    assert.equal((await ask(`/docs?token=${token}`)).status, 200);
    assert.equal((await ask(`/docs?token=wrong`)).status, 401);
    assert.equal((await ask(`/sensors?token=${token}`)).status, 401);
  }));

Deno.test("The operator's port asks for the token at /metrics, never at health", () =>
  withApp({ token }, async ({ app }) => {
    const ask = async (path: string, init = {}) =>
      (await app.adminFetch(new Request(`http://admin${path}`, init))).status;
    assert.deepEqual([await ask("/metrics"), await ask("/healthz"), await ask("/readyz")], [401, 200, 200]);
    assert.equal(await ask("/metrics", bearer(token)), 200);
  }));
