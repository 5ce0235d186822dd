/** Exports of a real node, as their user runs them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { assertDone, assertRefused, runTask } from "./operations.ts";

const stepMs = 300_000;
const headerLine = "id,channel,start,count,min,max,mean,sum,stdSample,stdPopulation";

Deno.test("export writes histories and windows as CSV and JSON, which hold what was imported", async () => {
  await using temp = await tempFolder();
  const at = (name: string) => join(temp.path, name);
  await using node = await Node.start({
    dataDir: at("data"),
    flags: ["--no-host-metrics", "--shards", "2", "--retention", "60d"],
  });
  const run = (...args: readonly string[]) => runTask("export", [...args, "--url", node.url]);
  // More steps than one request may ask for.
  const count = 4000;
  const fromMs = Math.floor(Date.now() / stepMs) * stepMs - count * stepMs;
  const rows = Array.from({ length: count }, (_, i) => `${fromMs + i * stepMs},${i / 8}\n`).join("");
  Deno.mkdirSync(at("files"));
  for (const name of ["load", "other"]) Deno.writeTextFileSync(at(`files/${name}.csv`), rows);
  assertDone(
    await runTask("import", [
      at("files"),
      "--url",
      node.url,
      "--name",
      "up",
      "--label",
      'text=say "hi"',
    ]),
  );

  const csv = at("history.csv");
  const said = assertDone(await run(csv, "--match", 'up{file="load"}', "--from", String(fromMs)));
  assert.equal(said, `${csv}: ${count} rows of 1 series\n`);
  const [header, first, ...others] = Deno.readTextFileSync(csv).split("\r\n");
  assert.equal(header, headerLine);
  const id = 'up{file="load",text="say \\"hi\\""}';
  assert.equal(first, `"${id.replaceAll('"', '""')}",value,${fromMs},1,0,0,0,0,,0`);
  assert.equal(others.length, count);

  const json = at("history.json");
  assertDone(await run(json, "--from", "30d", "--step", "1h"));
  const points = JSON.parse(Deno.readTextFileSync(json));
  const sum = points.reduce((all: number, point: { sum: number }) => all + point.sum, 0);
  assert.equal(sum, 2 * (count - 1) * count / 2 / 8);
  assert.deepEqual([...new Set(points.map((point: { id: string }) => point.id))].length, 2);

  const windows = assertDone(await run("-", "--windows"));
  assert.match(windows, /^id,channel,window,from,to,count,min,max,mean,stdSample,stdPopulation\r\n/);
  assert.equal(windows.trim().split("\r\n").length, 1 + 2 * 3);
  assert.equal(assertDone(await run("-", "--sensors")), `${headerLine}\r\n`);
  assert.deepEqual([...Deno.readDirSync(temp.path)].filter(({ name }) => name.endsWith(".partial")), []);
});

Deno.test("export refuses what makes no sense, in a sentence", async () => {
  const refuses = async (sentence: RegExp, ...args: readonly string[]) =>
    assertRefused(await runTask("export", ["-", ...args]), sentence);
  assertRefused(await runTask("export", []), /Cannot export: name the file to write\. See:/);
  await refuses(/--match \{: .*/, "--match", "{");
  await refuses(/--match is for series/, "--sensors", "--match", "up");
  await refuses(/--from is yesterday; 2026-01-31T12:00:00Z/, "--from", "yesterday");
  await refuses(/--from is not before --to/, "--from", "1h", "--to", "2h");
  await refuses(/--step is 1s; 5m or 1h is right/, "--step", "1s");
  await refuses(/nothing answers at http:\/\/127\.0\.0\.1:1 /, "--url", "http://127.0.0.1:1");
});
