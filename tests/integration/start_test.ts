/** A node as its user meets it: starts, refusals, stops and crashes, each as a process of its own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { tempFolder } from "../services/folder.ts";
import { withSmallDisk } from "../services/small_disk.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { Node, runStart } from "../services/node.ts";

async function post(node: Node, readings: unknown): Promise<void> {
  const response = await fetch(`${node.url}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(readings),
  });
  assert.equal(response.status, 202, await response.text());
}

async function countOf(node: Node, sensor: string): Promise<number> {
  const response = await fetch(`${node.url}/sensors/${sensor}/windows`);
  const text = await response.text();
  assert.equal(response.status, 200, `${text}\n${node.errors}`);
  return JSON.parse(text).total.temperature.count;
}

/** Exit code 2 and one sentence on standard error, no stack. */
async function assertRefused(args: readonly string[], sentence: RegExp, environment = {}): Promise<void> {
  const { code, output, errors } = await runStart(args, environment);
  assert.equal(code, 2, errors);
  assert.match(errors, sentence);
  assert.equal(errors.trim().split("\n").length, 1, errors);
  assert.equal(output, "");
}

Deno.test("start prints help when no command is given, and ends with 0", async () => {
  for (const args of [[], ["--help"], ["cluster", "--help"]]) {
    const { code, output } = await runStart(args);
    assert.equal(code, 0);
    assert.match(output, /--admin-port PORT/);
  }
});

Deno.test("start refuses with one sentence when what it is given makes no sense", async () => {
  await assertRefused(["clutser"], /no command "clutser"\. Did you mean cluster\?/);
  await assertRefused(["cluster", "--prot", "1"], /Did you mean --port\?/);
  await assertRefused(["cluster"], /Did you mean SENSORIUM_PORT\?/, { SENSORIUM_PROT: "1" });
  await assertRefused(["cluster", "--host", "0.0.0.0"], /no token is set/);
});

Deno.test("start refuses when the data folder cannot be written", async () => {
  await using folder = await tempFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
  await assertRefused(["cluster", ...ports, "--data", join(file, "data")], /Cannot write to the data folder/);
  const system = /Deno lets no program write below \/dev, .*\. Give a folder that this user may write to/;
  await assertRefused(["cluster", ...ports, "--data", "/dev/shm/sensorium-test"], system);
});

Deno.test("start refuses a full disk, naming the folder and what to do", async () => {
  // What is free: nothing for a lock, too little for a store, too little for a log beside it.
  for (const freeBytes of [0, 60_000, 220_000]) {
    await withSmallDisk(freeBytes, async ({ folder: disk }) => {
      const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
      const sentence = new RegExp(`${disk}/data.*full.*ree some space`);
      await assertRefused(["cluster", ...ports, "--data", join(disk, "data")], sentence);
    });
  }
});

Deno.test("start refuses a busy port, naming another Sensorium, and leaves the data folder alone", async () => {
  await using folder = await tempFolder();
  await using node = await Node.start({ dataDir: join(folder.path, "a"), flags: ["--no-host-metrics"] });
  const other = join(folder.path, "b");
  const port = new URL(node.url).port;
  const flags = ["--port", port, "--admin-port", `${freePort()}`, "--data", other];
  await assertRefused(["cluster", ...flags], /another Sensorium holds that port/);
  await assert.rejects(Deno.stat(other), Deno.errors.NotFound);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const foreign = ["--port", `${listener.addr.port}`, "--admin-port", `${freePort()}`, "--data", other];
  await assertRefused(["cluster", ...foreign], /another program holds that port/);
});

Deno.test("start refuses a folder that another node uses, naming its process", async () => {
  await using folder = await tempFolder();
  await using node = await Node.start({ dataDir: folder.path, flags: ["--no-host-metrics"] });
  const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
  const holder = new RegExp(`process ${await node.pid()} is using it`);
  await assertRefused(["cluster", ...ports, "--data", folder.path], holder);
});

Deno.test("start refuses another number of shards than the folder has", async () => {
  await using folder = await tempFolder();
  await using node = await Node.start({
    dataDir: folder.path,
    flags: ["--no-host-metrics", "--shards", "4"],
  });
  assert.equal((await node.stop()).code, 0);
  const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
  await assertRefused(["cluster", ...ports, "--data", folder.path, "--shards", "8"], /4 shards/);
});

Deno.test("start says first what runs, then where, and warns of nothing", async () => {
  await using folder = await tempFolder();
  await using node = await Node.start({ dataDir: folder.path });
  const { output, errors, code } = await node.stop();
  assert.equal(code, 0);
  assert.match(output, /^one node, embedded\n/);
  for (
    const text of [node.url, `${node.url}/docs`, `${node.adminUrl}/metrics`, folder.path, Deno.version.deno]
  ) {
    assert.ok(output.includes(text), `${text} in:\n${output}`);
  }
  assert.equal(errors, "");
});

Deno.test("start reads the host's own metrics when nothing else is configured", async () => {
  await using folder = await tempFolder();
  await using node = await Node.start({ dataDir: folder.path });
  await eventually("the processor's series", 10_000, async () => {
    const response = await fetch(`${node.url}/series/host_memory_used_bytes/windows`);
    const answer = await response.json();
    return response.ok && answer.total.value.count > 0 ? true : null;
  });
});

Deno.test("a node goes on where it was when it was stopped, and when it was killed", async () => {
  await using folder = await tempFolder();
  const options = { dataDir: folder.path, flags: ["--no-host-metrics"] };
  const reading = { id: "42", values: { temperature: 21.5 } };

  await using first = await Node.start(options);
  await post(first, reading);
  assert.equal((await first.stop("SIGTERM")).code, 0);

  await using second = await Node.start(options);
  assert.equal(await countOf(second, "42"), 1);
  await post(second, reading);
  await second.kill();

  await using third = await Node.start(options);
  assert.equal(await countOf(third, "42"), 2);
  assert.equal((await third.stop("SIGINT")).code, 0);
});

Deno.test("a node asks for the token everywhere but at its health checks", async () => {
  await using folder = await tempFolder();
  const tokenFile = join(folder.path, "token");
  await Deno.writeTextFile(tokenFile, "correct-horse-battery\n");
  await using node = await Node.start({
    dataDir: join(folder.path, "data"),
    flags: ["--no-host-metrics"],
    environment: { SENSORIUM_TOKEN_FILE: tokenFile },
  });
  const status = async (url: string, headers = {}) => {
    const response = await fetch(url, { headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status(`${node.url}/sensors`), 401);
  assert.equal(await status(`${node.url}/sensors`, { authorization: "Bearer correct-horse-battery" }), 200);
  for (const url of [node.url, node.adminUrl]) {
    assert.equal(await status(`${url}/healthz`), 200);
    assert.equal(await status(`${url}/readyz`), 200);
  }
});
