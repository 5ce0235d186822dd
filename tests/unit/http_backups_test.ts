import assert from "node:assert/strict";
import { BackupError } from "../../runtime/node/backups.ts";
import { withApp } from "./http_app_under_test.ts";

const post = (path: string, headers: Record<string, string> = {}) =>
  new Request(`http://admin${path}`, { method: "POST", headers });

Deno.test("adminFetch takes a backup through its steps", () =>
  withApp({}, async ({ app, engine }) => {
    const ask = async (path: string) => await (await app.adminFetch(post(path))).json();
    assert.deepEqual(await ask("/backups"), { id: "b1", leaseMs: 30_000, store: "the store" });
    assert.deepEqual(await ask("/backups/b1/renew"), {});
    assert.deepEqual(await ask("/backups/b1/log"), { segments: ["00000001.db"] });
    assert.deepEqual(await ask("/backups/b1/end"), {});
    assert.deepEqual(await ask("/backups/b2/abandon"), {});
    assert.deepEqual(engine.backups.calls, ["begin", "renew b1", "log b1", "end b1", "abandon b2"]);
  }));

const backupStatuses = [["running", 409], ["unknown", 404], ["lost", 410], ["elsewhere", 409]] as const;

Deno.test("adminFetch says by status why there is no backup", () =>
  withApp({}, async ({ app, engine }) => {
    for (const [code, status] of backupStatuses) {
      engine.backups.failure = new BackupError(code, `It is ${code}.`);
      const answer = await app.adminFetch(post("/backups/b1/end"));
      assert.equal(answer.status, status);
      assert.equal((await answer.json()).detail, `It is ${code}.`);
    }
  }));

Deno.test("adminFetch lets nobody hold the files without the token, nor another site's page, nor a GET", () =>
  withApp({ token: "12345678" }, async ({ app, engine }) => {
    const right = { authorization: "Bearer 12345678" };
    const status = async (request: Request) => (await app.adminFetch(request)).status;
    assert.equal(await status(post("/backups")), 401);
    assert.equal(await status(post("/backups", { ...right, "sec-fetch-site": "cross-site" })), 403);
    assert.equal(await status(new Request("http://admin/backups", { headers: right })), 405);
    assert.deepEqual(engine.backups.calls, []);
    assert.equal(await status(post("/backups", right)), 200);
  }));

Deno.test("fetch, which the API's port has, knows no backups", () =>
  withApp({}, async ({ app, engine }) => {
    assert.equal((await app.fetch(post("/backups"))).status, 404);
    assert.deepEqual(engine.backups.calls, []);
  }));
