import assert from "node:assert/strict";
import { Latencies } from "../../actors/simulate/latency.ts";
import type { Plan } from "../../actors/simulate/plan.ts";
import { ProgressLines } from "../../actors/simulate/progress.ts";
import { emptyTally, type Phase } from "../../actors/simulate/run.ts";
import { streamOf } from "../../actors/simulate/stream.ts";
import { helpText, OptionError, parseSettings } from "../../actors/simulate/options.ts";

Deno.test("parseSettings() reads times, ratios and rates", () => {
  const text = "--sensors 10 --rate 7 --for 1.5m --history 12h --late 0.25 --origin 2026-01-15T12:00:00Z";
  const settings = parseSettings(text.split(" "), 5);
  assert.ok(settings);
  assert.equal(settings.forMs, 90_000);
  assert.equal(settings.plan.historyMs, 43_200_000);
  assert.equal(settings.plan.lateRatio, 0.25);
  assert.equal(settings.plan.ratePerSecond, 7);
  assert.equal(settings.plan.originMs, Date.UTC(2026, 0, 15, 12));
});

Deno.test("parseSettings() takes the clock as origin and its defaults when told nothing", () => {
  const settings = parseSettings([], 5);
  assert.ok(settings);
  assert.deepEqual([settings.plan.originMs, settings.plan.sensors, settings.isPaced], [5, 50_000, true]);
  assert.equal(parseSettings(["--rate", "max"], 5)?.isPaced, false);
});

Deno.test("parseSettings() refuses with a sentence when a flag makes no sense", () => {
  const cases: [string, RegExp][] = [
    ["--sensors none", /--sensors none: a whole number from 1/],
    ["--rate 0", /--rate 0: a whole number/],
    ["--for 60", /--for 60: a time such as/],
    ["--late 2", /--late 2: a number from 0 to 1/],
    ["--url localhost", /--url localhost: an address such as/],
    ["--origin soon", /--origin soon: epoch milliseconds/],
    ["--sensor 5", /sensor.*See --help/],
    ["stray", /stray.*See --help/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parseSettings(text.split(" "), 5), (thrown) => {
      assert.ok(thrown instanceof OptionError);
      assert.match(thrown.message, message);
      return true;
    });
  }
});

Deno.test("helpText() names every flag and parseSettings() leaves it to the caller to print", () => {
  assert.equal(parseSettings(["--help"], 5), null);
  for (const flag of ["--url", "--token", "--history", "--out-of-order"]) {
    assert.ok(helpText().includes(flag));
  }
});

Deno.test("Latencies.quantileMs() is within 3 % above the exact quantile", () => {
  const latencies = new Latencies();
  assert.ok(Number.isNaN(latencies.quantileMs(0.5)));
  for (let ms = 1; ms <= 1000; ms++) latencies.add(ms);
  for (const share of [0.5, 0.9, 0.99]) {
    const ratio = latencies.quantileMs(share) / (share * 1000);
    assert.ok(ratio >= 1 && ratio < 1.03, `${share}: ${ratio}`);
  }
  assert.equal(latencies.quantileMs(1), 1000);
  assert.equal(latencies.maxMs, 1000);
});

const plan: Plan = { ...parseSettings([], 0)!.plan, sensors: 10 };
const phase = (): Phase => ({ stream: streamOf(plan, "live"), tally: emptyTally(), startedAtMs: 0 });

Deno.test("ProgressLines says once that it waits when the server is gone, and goes on when it is back", () => {
  const lines = new ProgressLines(false);
  const gone = phase();
  gone.tally.accepted = 100;
  assert.match(lines.next(gone, 5000) ?? "", /^live: 100 accepted, 20\/s/);
  gone.tally.silentSinceMs = 6000;
  gone.tally.lastTrouble = "Connection refused";
  assert.match(
    lines.next(gone, 10_000) ?? "",
    /^live: waiting for the server \(Connection refused\); gives up after 120 s/,
  );
  for (let atMs = 15_000; atMs < 60_000; atMs += 5000) assert.equal(lines.next(gone, atMs), null);
  gone.tally.silentSinceMs = null;
  assert.match(lines.next(gone, 60_000) ?? "", /^live: 100 accepted, 0\/s/);
});

Deno.test("ProgressLines says how long it has waited when its line is rewritten", () => {
  const lines = new ProgressLines(true);
  const gone = phase();
  gone.tally.silentSinceMs = 1000;
  assert.doesNotMatch(lines.next(gone, 2000) ?? "", /waiting/);
  assert.match(lines.next(gone, 13_500) ?? "", /waiting for the server .*, 12 s so far$/);
});
