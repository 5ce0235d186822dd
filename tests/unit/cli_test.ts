import assert from "node:assert/strict";
import { describeDenoVersion } from "../../actors/cli/deno_version.ts";
import { createLogger } from "../../actors/cli/logger.ts";
import { nearest } from "../../actors/cli/nearest.ts";
import { reachableUrl } from "../../actors/cli/ports.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import { openScreen, renderSummary, renderTable } from "../../actors/cli/screen.ts";

const flags = ["--port", "--admin-port", "--data", "--shards"];
const nearestCases = [
  ["--prot", "--port"],
  ["--por", "--port"],
  ["--PORT", "--port"],
  ["--adminport", "--admin-port"],
  ["--shard", "--shards"],
  ["--date", "--data"],
  ["--x", null],
  ["--kubernetes", null],
] as const;

for (const [word, expected] of nearestCases) {
  Deno.test(`nearest() gives ${expected} when the word is ${word}`, () => {
    assert.equal(nearest(word, flags), expected);
  });
}

Deno.test("describeDenoVersion() is the version alone when the minor version is the same", () => {
  assert.equal(describeDenoVersion("2.9.6", "2.9.6"), "2.9.6");
  assert.equal(describeDenoVersion("2.9.0", "2.9.6"), "2.9.0");
});

Deno.test("describeDenoVersion() names what it was tested with when the minor version is newer", () => {
  assert.match(describeDenoVersion("2.10.0", "2.9.6"), /^2\.10\.0 \(newer than 2\.9\.6/);
  assert.match(describeDenoVersion("3.0.0", "2.9.6"), /^3\.0\.0 \(newer/);
});

Deno.test("describeDenoVersion() refuses when the minor version is older", () => {
  assert.throws(() => describeDenoVersion("2.8.9", "2.9.6"), Refusal);
  assert.throws(
    () => describeDenoVersion("1.46.3", "2.9.6"),
    /Cannot start on Deno 1\.46\.3: .*2\.9\.6 or newer/,
  );
});

Deno.test("reachableUrl() names this machine when a listener listens everywhere", () => {
  assert.equal(reachableUrl("0.0.0.0", 1), "http://127.0.0.1:1");
  assert.equal(reachableUrl("::", 1), "http://127.0.0.1:1");
  assert.equal(reachableUrl("::1", 1), "http://[::1]:1");
  assert.equal(reachableUrl("example.org", 1), "http://example.org:1");
});

Deno.test("renderTable() aligns the second column", () => {
  assert.equal(
    renderTable([["page", "a"], ["documentation", "b"]]),
    "  page           a\n  documentation  b\n",
  );
});

Deno.test("renderSummary() groups thousands and rounds", () => {
  const summary = { messagesPerSecond: 120_000.4, actors: 10_000, deadLetters: 0 };
  assert.equal(renderSummary(summary), "120,000 readings/s, 10,000 actors, 0 dead letters");
});

function written(isTerminal: boolean): string {
  let text = "";
  const screen = openScreen(isTerminal, (part) => text += part);
  screen.write("start\n");
  screen.status("1");
  screen.status("2");
  screen.write("end\n");
  return text;
}

Deno.test("openScreen() rewrites the status line when the screen is a terminal", () => {
  const erase = "\r\x1b[2K";
  assert.equal(written(true), `start\n${erase}1${erase}2${erase}end\n`);
});

Deno.test("openScreen() adds a status line each time when the output is a file", () => {
  assert.equal(written(false), "start\n1\n2\nend\n");
});

Deno.test("createLogger() leaves out what is below its level", () => {
  const lines: string[] = [];
  const log = createLogger("warn", () => new Date(0), (line) => lines.push(line));
  log.error("a");
  log.warn("b");
  log.info("c");
  log.debug("d");
  assert.deepEqual(lines, ["1970-01-01T00:00:00.000Z error a", "1970-01-01T00:00:00.000Z warn  b"]);
});
