/** What the operator's tasks refuse and say, each as a process of its own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { takeDataFolder } from "../../actors/cli/data_folder.ts";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { assertDone, assertRefused, runTask } from "./operations.ts";

Deno.test("backup, restore and inspect print help, and refuse what makes no sense", async () => {
  for (const task of ["backup", "restore", "inspect"] as const) {
    assert.match(assertDone(await runTask(task, ["--help"])), /--data FOLDER +the node's data folder/);
    assertRefused(
      await runTask(task, ["--date", "x"]),
      new RegExp(`Cannot [a-z ]+: there is no flag --date\\. Did`),
    );
  }
  assertRefused(
    await runTask("backup", []),
    /Cannot back up: name the folder to make\. See: deno task backup --help/,
  );
  assertRefused(
    await runTask("backup", ["/tmp/b"], { MYSQL_URL: "mysql://u:hidden@h/d" }),
    /^Cannot back up: MYSQL_URL is set, and a node on Kafka and MySQL has no files\. (?!.*hidden)/,
  );
  assertRefused(await runTask("inspect", ["x"]), /Cannot inspect: "x" is one word too many/);
});

Deno.test("backup and inspect refuse a folder that is missing, and backup one without a node", async () => {
  await using folder = await tempFolder();
  const at = (name: string) => join(folder.path, name);
  assertRefused(await runTask("backup", [at("b"), "--data", at("none")]), /there is no folder .*none/);
  assertRefused(await runTask("inspect", ["--data", at("none")]), /none: there is no such folder/);
  const outside = `${folder.path}-backup`;
  assertRefused(await runTask("backup", [outside, "--data", folder.path]), /no node runs on /);
  // As a node that was killed leaves it: somebody else may have its port by now.
  Deno.writeTextFileSync(at("lock"), "1234567\nhttp://127.0.0.1:1\n");
  assertRefused(await runTask("backup", [outside, "--data", folder.path]), /no node runs on /);
});

/** A node's data folder and a backup of it, which has a sensor; the node was killed. */
async function makeBackup(data: string, copy: string): Promise<void> {
  const token = "secret-secret";
  await using node = await Node.start({ dataDir: data, environment: { SENSORIUM_TOKEN: token } });
  await using folder = await tempFolder();
  const [right, wrong] = [join(folder.path, "right"), join(folder.path, "wrong")];
  Deno.writeTextFileSync(right, `${token}\n`);
  Deno.writeTextFileSync(wrong, "wrong-wrong\n");
  const response = await fetch(`${node.url}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify([{ id: "one", values: { temperature: 20 } }]),
  });
  assert.equal(response.status, 202, await response.text());
  // A strict list waits until everything that was accepted is in the store.
  const list = await fetch(`${node.url}/sensors?consistency=strict`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.match(await list.text(), /"one"/);
  const backup = (...args: readonly string[]) => runTask("backup", [copy, "--data", data, ...args]);
  assertRefused(await backup(), /the node at http:.* wants its token\. Give the one/);
  assertRefused(await backup("--token-file", wrong), /refuses this token\. Give the one/);
  assertRefused(
    await backup("--token-file", join(folder.path, "none")),
    /none cannot be read; name a readable one/,
  );
  assertRefused(await runTask("backup", [join(data, "b"), "--data", data]), /it lies in the data folder/);
  assertRefused(await runTask("inspect", ["--data", data]), /process \d+ is using it, and its files change/);
  assertRefused(await runTask("restore", [data, "--data", copy]), /it is no backup, it has no backup\.json/);
  assertDone(await backup("--token-file", right));
  assertRefused(await backup("--token-file", right), /it is there already\. Name a folder that is not/);
  // What a crash leaves is what there is to inspect.
  await node.kill();
}

function flipByte(path: string): void {
  const bytes = Deno.readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  Deno.writeFileSync(path, bytes);
}

/** Names and bytes of all that is in a folder. */
function contents(folder: string, prefix = ""): Map<string, string> {
  return new Map(
    [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory) return [...contents(path, `${prefix}${entry.name}/`)];
      const bytes: [string, string] = [
        prefix + entry.name,
        new TextDecoder("latin1").decode(Deno.readFileSync(path)),
      ];
      return [bytes];
    }),
  );
}

Deno.test("restore refuses what would not be the backup whole, and leaves nothing", async () => {
  await using folder = await tempFolder();
  const [data, copy, target] = [join(folder.path, "d"), join(folder.path, "b"), join(folder.path, "r")];
  await makeBackup(data, copy);
  const manifest = join(copy, "backup.json");
  const text = Deno.readTextFileSync(manifest);
  const restore = (into = target) => runTask("restore", [copy, "--data", into]);

  assertRefused(await restore(data), /d: it is not empty \(.*Name an empty or a new folder/);
  const taken = await takeDataFolder(target);
  assertRefused(await restore(), /r: process \d+ is using it/);
  taken.release();
  Deno.writeTextFileSync(manifest, text.replace('"format": 2', '"format": 3'));
  assertRefused(await restore(), /it has format 3, and this program knows up to 2\. Use the newer program/);
  Deno.writeTextFileSync(manifest, text.replace('"storeVersion": ', '"storeVersion": 99'));
  assertRefused(await restore(), /its store has format version 99\d, and this program knows/);
  Deno.writeTextFileSync(manifest, text.slice(0, 100));
  assertRefused(await restore(), /its backup\.json is damaged\. Use another backup/);
  Deno.removeSync(manifest);
  Deno.renameSync(copy, `${copy}.partial`);
  assertRefused(
    await runTask("restore", [`${copy}.partial`, "--data", target]),
    /it is an interrupted backup/,
  );
  Deno.renameSync(`${copy}.partial`, copy);
  Deno.writeTextFileSync(manifest, text);
  flipByte(join(copy, "store.db"));
  assertRefused(await restore(), /store\.db in it is damaged, its checksum is another\. Use another backup/);
  assert.deepEqual([...contents(target).keys()], ["lock"]);
  Deno.truncateSync(join(copy, "store.db"), 8192);
  assertRefused(await restore(), /store\.db in it has 8192 bytes, and \d+ were backed up/);
  Deno.removeSync(join(copy, "store.db"));
  assertRefused(await restore(), /store\.db in it is missing/);
});

Deno.test("inspect tells what is in a folder and what is broken, and changes nothing", async () => {
  await using folder = await tempFolder();
  const [data, copy] = [join(folder.path, "d"), join(folder.path, "b")];
  await makeBackup(data, copy);
  const inspect = async (path: string) => {
    const before = contents(path);
    const end = await runTask("inspect", ["--data", path, "--json"]);
    assert.deepEqual([...contents(path)], [...before], "inspect changes nothing");
    assert.equal(end.errors, "");
    return { code: end.code, survey: JSON.parse(end.output) };
  };
  for (const path of [data, copy]) {
    const { code, survey } = await inspect(path);
    assert.equal(code, 0);
    assert.deepEqual(survey.troubles, []);
    assert.equal(survey.store.kinds.find(({ kind }: { kind: string }) => kind === "sensor")?.actors, 1);
    assert.equal(survey.store.shards.length, 8);
    assert.equal(survey.log.extents.length, 8);
    assert.equal(survey.backup !== null, path === copy);
  }
  // Damage to one part leaves the others readable.
  const [segment] = [...contents(data).keys()].filter((name) => /^log\/\d+\.db$/.test(name));
  flipByte(join(data, segment ?? ""));
  Deno.writeTextFileSync(join(data, "log", "00000099.db"), "no database");
  const broken = await inspect(data);
  assert.equal(broken.code, 1);
  assert.match(broken.survey.troubles.join(" "), /00000099\.db is not an SQLite database/);
  assert.equal(broken.survey.store.kinds.length > 0, true);
  Deno.writeTextFileSync(join(copy, "store.db"), "garbage");
  const withoutStore = await inspect(copy);
  assert.equal(withoutStore.code, 1);
  assert.match(withoutStore.survey.troubles.join(" "), /it is not a SQLite file/);
  assert.ok(withoutStore.survey.log.extents.length === 8);
  const { output } = await runTask("inspect", ["--data", copy]);
  assert.match(output, /What is wrong:\n {2}The store: /);
});
