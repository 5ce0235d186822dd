/** Imports into a real node, as their user runs them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../services/eventually.ts";
import { tempFolder } from "../services/folder.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { Node } from "../services/node.ts";
import { assertDone, assertRefused, runTask } from "./operations.ts";

const token = "correct-horse";
const startMs = Date.now() - 20 * 3_600_000;
const killDeadlineMs = 30_000;

interface Place {
  readonly node: Node;
  /** A folder for files. */
  readonly folder: string;
  run(...args: readonly string[]): ReturnType<typeof runTask>;
  /** Another node on the same folder and ports. */
  restart(): Promise<Node>;
  /** Count and sum of a series. */
  total(series: string): Promise<{ readonly count: number; readonly sum: number } | undefined>;
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await using temp = await tempFolder();
  const [dataDir, folder] = [join(temp.path, "data"), join(temp.path, "files")];
  Deno.mkdirSync(folder);
  const options = {
    dataDir,
    flags: ["--no-host-metrics", "--shards", "2"],
    environment: { SENSORIUM_TOKEN: token },
    port: freePort(),
    adminPort: freePort(),
  };
  await using node = await Node.start(options);
  await use({
    node,
    folder,
    restart: () => Node.start(options),
    run: (...args) => runTask("import", [...args, "--url", node.url], { SENSORIUM_TOKEN: token }),
    total: async (series) => {
      const url = `${node.url}/series/${encodeURIComponent(series)}/windows`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      return (await response.json()).total?.value;
    },
  });
}

/** Rows 400 ms apart; values are multiples of 1/8, whose sums are exact. */
function rows(count: number): string {
  return Array.from({ length: count }, (_, i) => `${startMs + i * 400},${i / 8}\n`).join("");
}

Deno.test("import brings files of many forms in, and tells bad lines by their number", () =>
  withPlace(async ({ folder, run, total }) => {
    const time = new Date(startMs).toISOString();
    const local = time.slice(0, 19).replace("T", " ");
    Deno.mkdirSync(join(folder, "site"));
    const write = (name: string, text: string | Uint8Array) =>
      Deno.writeFileSync(
        join(folder, name),
        typeof text === "string" ? new TextEncoder().encode(text) : text,
      );
    write("site/crlf.csv", `timestamp,value\r\n${time},1\r\n${local},2`);
    write("broken.csv", `timestamp,value\n${time},1\n<html>\n${time},NaN\nyesterday,3\n${local},4\n`);
    const utf16 = new Uint16Array(Array.from(`\ufeff${time},8\n`, (letter) => letter.charCodeAt(0)));
    write("utf16.csv", new Uint8Array(utf16.buffer));
    write("latin.csv", Uint8Array.from(`zeit,value\xe9\n${time},16\n`, (letter) => letter.charCodeAt(0)));
    write("old.csv", "2014-04-01 00:00:00,32\n");
    write("not a table.txt", "1,1\n");
    const badLines = join(folder, "bad.txt");
    const { code, output, errors } = await run(folder, "--bad-lines", badLines);
    assert.equal(code, 0, errors);
    assert.match(output, /^7 rows of 5 files in /);
    assert.match(output, /\n3 lines refused\n1 row is older than the node keeps history/);
    assert.match(errors, /broken\.csv:3: It has no comma: /);
    assert.match(errors, /broken\.csv:4: Its value is "NaN": a number is right\./);
    assert.match(errors, /broken\.csv:5: Its time is "yesterday": /);
    assert.equal(Deno.readTextFileSync(badLines).trim().split("\r\n").length, 3);
    assert.deepEqual(await total("site/crlf"), { count: 2, sum: 3 });
    assert.deepEqual(await total("broken"), { count: 2, sum: 5 });
    assert.deepEqual(await total("utf16"), { count: 1, sum: 8 });
    assert.deepEqual(await total("latin"), { count: 1, sum: 16 });
    assert.deepEqual(await total("old"), { count: 1, sum: 32 });
    assert.match((await run(folder)).output, /^0 rows of 0 files .*\n5 files had been imported before\n/);
    assert.deepEqual(await total("broken"), { count: 2, sum: 5 });
    const one = join(folder, "utf16.csv");
    assertDone(await run(one, "--name", "temperature", "--label", "site=north"));
    assert.deepEqual(await total('temperature{site="north"}'), { count: 1, sum: 8 });
  }));

Deno.test("import says of empty files, bad ones and endless lines what is so, the second time, too", () =>
  withPlace(async ({ folder, run, total }) => {
    const write = (name: string, text: string) => Deno.writeTextFileSync(join(folder, name), text);
    write("empty.csv", "");
    write("page.csv", "<html>\n");
    write("long.csv", `${startMs},1\n${"x".repeat(2 ** 21)}\n${startMs},2\n`);
    const { code, output, errors } = await run(folder);
    assert.equal(code, 0, errors);
    assert.match(output, /^2 rows of 3 files in .*\n2 lines refused\n$/);
    assert.match(errors, /long\.csv:2: It has more than 4096 characters, and begins with "x{59}…"\./);
    assert.deepEqual(await total("long"), { count: 2, sum: 3 });
    const again = await run(folder);
    assert.match(again.output, /^0 rows of 1 file in .*\n2 files had been imported before\n$/);
    assert.equal(again.errors, "");
  }));

const count = 150_000;
const all = { count, sum: (count - 1) * count / 2 / 8 };

/** The task's program, when it has sent some of a file `large.csv` and is about to send more. */
async function begunImport({ node, folder }: Place, state: string): Promise<Deno.ChildProcess> {
  Deno.writeTextFileSync(join(folder, "large.csv"), rows(count));
  const task = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "actors/transfer/import_main.ts", folder, "--url", node.url, "--state", state],
    env: { SENSORIUM_TOKEN: token },
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await eventually("the import to have sent three chunks", killDeadlineMs, () => {
    const lines = recorded(state);
    return Promise.resolve(lines >= 5 ? lines : null);
  }, 1);
  return task;
}

Deno.test("import names what cannot be read beside the files, imports the rest, and ends with 1", () =>
  withPlace(async ({ folder, run, total }) => {
    Deno.writeTextFileSync(join(folder, "a.csv"), rows(3));
    Deno.symlinkSync("me@host.4711:1", join(folder, ".#a.csv"));
    Deno.symlinkSync("nowhere", join(folder, "gone.csv"));
    const { code, output, errors } = await run(folder);
    assert.equal(code, 1, errors);
    assert.match(errors, /gone\.csv: It cannot be read: /);
    assert.doesNotMatch(errors, /#a\.csv/);
    assert.match(output, /^3 rows of 1 file in [^]*\n1 file failed\n$/);
    assert.equal((await total("a"))?.count, 3);
  }));

Deno.test("an import that is killed goes on where it was, and every row counts once", () =>
  withPlace(async (place) => {
    const { folder, run, total } = place;
    const state = join(folder, "state");
    const task = await begunImport(place, state);
    task.kill("SIGKILL");
    const { success } = await task.status;
    assert.equal(success, false, "the import was over before it was killed");
    assert.match(assertDone(await run(folder, "--state", state)), /rows of 1 file in/);
    assert.deepEqual(await total("large"), all);
  }));

Deno.test("an import outlives its node, and every row counts once", () =>
  withPlace(async (place) => {
    const { folder, node, restart, total } = place;
    const task = await begunImport(place, join(folder, "state"));
    await node.kill();
    await using _again = await restart();
    const { code } = await task.status;
    assert.equal(code, 0);
    assert.deepEqual(await total("large"), all);
  }));

function recorded(path: string): number {
  try {
    return Deno.readTextFileSync(path).split("\n").length - 1;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return 0;
    throw thrown;
  }
}

Deno.test("import refuses what makes no sense, in a sentence", async () => {
  await using folder = await tempFolder();
  const missing = join(folder.path, "none");
  assertRefused(await runTask("import", []), /Cannot import: name a folder or files\. See:/);
  assertRefused(
    await runTask("import", [missing]),
    /Cannot import: .*none.*\. Name folders and files that can/,
  );
  assertRefused(await runTask("import", [folder.path]), /there is no file that ends with \.csv in /);
  const file = join(folder.path, "a.csv");
  Deno.writeTextFileSync(file, "1,1\n");
  const refuses = async (sentence: RegExp, ...args: readonly string[]) =>
    assertRefused(await runTask("import", [file, ...args]), sentence);
  await refuses(/--label has x; a=b, or a=b,c=d is right/, "--label", "x");
  await refuses(/--connections is 0; a whole number from 1 to 64 is right/, "--connections", "0");
  await refuses(/--url is here; an address such as/, "--url", "here");
  await refuses(/--unknown is maybe; repeat or skip is right/, "--unknown", "maybe");
  await refuses(/nothing answers at http:\/\/127\.0\.0\.1:1 /, "--url", "http://127.0.0.1:1");
});
