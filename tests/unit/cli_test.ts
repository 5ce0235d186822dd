import assert from "node:assert/strict";
import { ActorCount } from "../../actors/cli/actor_count.ts";
import { describeDenoVersion } from "../../actors/cli/deno_version.ts";
import { LiveSummary, type LiveSummaryOptions } from "../../actors/cli/live_summary.ts";
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
  const summary = { readingsPerSecond: 120_000.4, actors: 10_000, deadLetters: 0 };
  assert.equal(renderSummary(summary), "120,000 readings/s, 10,000 actors, 0 dead letters");
  assert.equal(renderSummary({ ...summary, actors: null }), "120,000 readings/s, 0 dead letters");
});

const secondMs = 1000;

interface SummaryCase extends Partial<Pick<LiveSummaryOptions, "isTerminal">> {
  readonly countActors?: () => Promise<number>;
}

function summaryUnderTest({ isTerminal = true, countActors = () => new Promise(() => {}) }: SummaryCase) {
  const node = { accepted: 0, deadLetters: 0 };
  const lines: string[] = [];
  const summary = new LiveSummary({
    screen: { write: () => {}, status: (line) => void lines.push(line) },
    isTerminal,
    progress: () => node,
    actors: new ActorCount(countActors, (error) => assert.fail(`${error}`)),
  }, 0);
  let ticks = 0;
  const tick = (accepted: number) => {
    node.accepted += accepted;
    summary.tick(++ticks * secondMs);
  };
  return { lines, tick };
}

Deno.test("LiveSummary tells the rate of the last second when the store does not answer", () => {
  const { lines, tick } = summaryUnderTest({});
  for (const accepted of [0, 5000, 5000, 0]) tick(accepted);
  assert.deepEqual(lines.map((line) => line.split(" ", 1)[0]), ["0", "5,000", "5,000", "0"]);
});

Deno.test("LiveSummary writes every tenth line when it is in a file, with the rate of the last second", () => {
  const { lines, tick } = summaryUnderTest({ isTerminal: false });
  for (let second = 1; second <= 20; second++) tick(second <= 10 ? 5000 : 0);
  assert.deepEqual(lines.map((line) => line.split(",").slice(0, 2).join(",")), [
    "5,000 readings/s",
    "0 readings/s, 0 dead letters",
  ]);
});

Deno.test("LiveSummary counts the actors at the start and every second", async () => {
  let counts = 0;
  const { lines, tick } = summaryUnderTest({ countActors: () => Promise.resolve(++counts) });
  for (let second = 1; second <= 3; second++) {
    // What was counted arrives within a few turns of the microtask queue.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    tick(0);
  }
  assert.deepEqual(lines, [1, 2, 3].map((count) => `0 readings/s, ${count} actors, 0 dead letters`));
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
