/** `deno task services` as its user runs it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { hasEnded, processOf, signal } from "../../deploy/services/processes.ts";
import { readState } from "../../deploy/services/state.ts";
import { tempFolder } from "../services/folder.ts";
import { skipUnlessServersInstalled } from "../services/own_server.ts";
import { assertRefused, runTask } from "./operations.ts";

const all = ["kafka", "mariadb", "redis"] as const;
const name = "deno task services";
const ignore = skipUnlessServersInstalled(name, all);

Deno.test({
  name: "services up starts what is not running, status tells of it, down stops it",
  ignore,
  async fn() {
    await using temp = await tempFolder();
    const folder = join(temp.path, "servers");
    const services = (...args: readonly string[]) => runTask("services", [...args, "--data", folder]);
    const anyPorts = ["--kafka-port", "0", "--mysql-port", "0", "--redis-port", "0"];
    try {
      const first = await services("up", "--env", ...anyPorts);
      assert.equal(first.code, 0, first.errors);
      assert.match(first.output, /^(export SENSORIUM_TEST_(KAFKA_BROKERS|MYSQL_URL|REDIS_URL)=\S+\n){3}$/);
      const status = await services("status");
      assert.match(status.output, /Kafka +running.*\n +MariaDB +running.*\n +Redis +running/);
      assert.equal(status.code, 0);

      const before = readState(folder);
      const second = await services("up", "--env", ...anyPorts);
      assert.equal(second.output, first.output);
      assert.deepEqual(readState(folder), before);

      const redis = before?.redis;
      assert.ok(redis !== undefined);
      assertRefused(
        await services("up", "--redis-port", `${redis.port + 1}`),
        /it runs on \d+ already\. Stop it/,
      );
      await signal(redis, "SIGKILL");
      assert.ok(await hasEnded(redis, 5000));
      const one = await services("status");
      assert.deepEqual([one.code, /Redis +not running/.test(one.output)], [1, true]);
      assert.match(
        (await services("up", "--redis-port", "0")).errors,
        /Redis: process \d+, .* is started again/,
      );
    } finally {
      const end = await services("down", "--delete");
      assert.equal(end.code, 0, end.errors);
      assert.match(end.errors, /Kafka: stopped.*\nMariaDB: stopped.*\nRedis: stopped/);
    }
    assert.equal(await Deno.stat(folder).then(() => true, () => false), false);
  },
});

Deno.test("services passes by a process that was given the pid of an old server", async () => {
  await using temp = await tempFolder();
  const own = await processOf(Deno.pid);
  assert.ok(own !== null);
  const entry = {
    pid: Deno.pid,
    startTicks: own.startTicks + 1,
    startedAt: new Date().toISOString(),
    port: 1,
  };
  Deno.writeTextFileSync(join(temp.path, "services.json"), JSON.stringify({ redis: entry }));
  const data = ["--data", temp.path, "--only", "redis"];
  assert.match((await runTask("services", ["status", ...data])).output, /Redis +not running/);
  assert.match((await runTask("services", ["down", ...data])).errors, /Redis: does not run/);
});

Deno.test("services refuses what makes no sense in one sentence", async () => {
  await using temp = await tempFolder();
  const data = ["--data", join(temp.path, "d")];
  assertRefused(
    await runTask("services", ["up", "--onyl", "redis"]),
    /no flag --onyl\. Did you mean --only\?/,
  );
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = `${listener.addr.port}`;
  const busy = await runTask("services", ["up", "--only", "redis", "--redis-port", port, ...data]);
  // Where Redis is not installed, that is said first.
  assertRefused(busy, /another program holds it\. Give another port with --redis-port|this system lacks/);
});
