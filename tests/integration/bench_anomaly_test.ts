import assert from "node:assert/strict";
import { join } from "node:path";
import { assertRefused, runTask } from "./operations.ts";
import { tempFolder } from "../services/folder.ts";

const folder = new URL("../data/nab", import.meta.url).pathname;

/** Makes a folder of that layout, with one file. */
async function benchmark(path: string, { line = "", labels = "{}" }: { line?: string; labels?: string }) {
  await Deno.mkdir(join(path, "data"));
  await Deno.mkdir(join(path, "labels"));
  await Deno.writeTextFile(join(path, "data", "one.csv"), `timestamp,value\n2026-01-01 00:00:00,1\n${line}`);
  await Deno.writeTextFile(join(path, "labels", "combined_windows.json"), labels);
}

Deno.test("bench:anomaly tells of each file, of each profile, and what a value costs", async () => {
  const { output, errors } = await runTask("bench:anomaly", [folder]);
  assert.equal(errors, "");
  assert.match(output, /\| realTraffic\/speed_7578\.csv \| 1,127 \| 4 \| [0-4] \| \d+ \| -?\d+\.\d\d \|/);
  for (const name of ["standard", "reward low FP", "reward low FN"]) {
    assert.match(output, new RegExp(`^${name}, 1 files\n +-?\\d+\\.\\d`, "m"));
  }
  assert.match(output, /median \d+\.\d\d µs/);
});

Deno.test("bench:anomaly says what is missing", async () => {
  assertRefused(await runTask("bench:anomaly", []), /name the folder with data\/ and labels\//);
  assertRefused(
    await runTask("bench:anomaly", ["/nowhere"]),
    /\/nowhere\/labels\/combined_windows\.json cannot be read\. Name a folder with data\//,
  );
});

const window = '{"one.csv": [["2026-01-01 00:00:00", "2026-01-01 00:05:00"]]}';
const refusals = [
  { given: { labels: "[" }, sentence: /combined_windows\.json is not what it should be/ },
  { given: { labels: "{}" }, sentence: /name no file/ },
  { given: { labels: '{"two.csv": []}' }, sentence: /two\.csv cannot be read/ },
  { given: { labels: window }, sentence: /has edges that the file lacks/ },
  { given: { labels: window, line: "2026-01-01 00:05:00,high\n" }, sentence: /line 3 of .*one\.csv/ },
] as const;

for (const { given, sentence } of refusals) {
  Deno.test(`bench:anomaly refuses a folder with ${JSON.stringify(given)}`, async () => {
    await using temporary = await tempFolder();
    await benchmark(temporary.path, given);
    assertRefused(await runTask("bench:anomaly", [temporary.path]), sentence);
  });
}
