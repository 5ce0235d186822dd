/** Scheduled forecasts: which fit is used, how long, and how earlier forecasts did. */

import assert from "node:assert/strict";
import { Registry } from "../../runtime/prom_client.ts";
import { ForecastMetrics } from "../../actors/analysis/forecast_metrics.ts";
import {
  type ForecastJobAnswer,
  type MadeForecast,
  makeForecast,
} from "../../actors/analysis/forecasting.ts";
import type { Json } from "../../runtime/core/actor.ts";

const minuteMs = 60_000;
const horizonSteps = 10;
const ofValues = { channel: "value", formerChannel: "value" } as const;

interface Scheduled extends MadeForecast {
  readonly atMinute: number;
  readonly fittedAtMinute: number;
  readonly answer: ForecastJobAnswer;
}

/** A forecast every `everyMinutes` of a series of a value a minute, each with what the last one remembered. */
function* schedule(
  value: (minute: number) => number,
  { from, to, everyMinutes }: { readonly from: number; readonly to: number; readonly everyMinutes: number },
): Generator<Scheduled> {
  let memory: Json = null;
  for (let atMinute = from; atMinute <= to; atMinute += everyMinutes) {
    const values = Float64Array.from({ length: atMinute }, (_, t) => value(t));
    const series = { startMs: 0, stepMs: minuteMs, values };
    const answer = makeForecast({ ...ofValues, series, horizonSteps, memory, atMs: atMinute * minuteMs });
    memory = JSON.parse(JSON.stringify(answer.memory));
    if (!answer.forecast.known) assert.fail(`not known: ${answer.forecast.reason}`);
    const made = answer.forecast.value;
    yield { ...made, atMinute, fittedAtMinute: made.fittedAtMs / minuteMs, answer };
  }
}

function noise(t: number): number {
  const mixed = Math.sin(t * 12.9898) * 43758.5453;
  return mixed - Math.floor(mixed) - 0.5;
}

function fitsOf(all: Iterable<Scheduled>): readonly number[] {
  return [...new Set([...all].map(({ fittedAtMinute }) => fittedAtMinute))];
}

Deno.test("makeForecast() fits anew on schedule, not each time", () => {
  const fits = fitsOf(schedule((t) => noise(t), { from: 300, to: 425, everyMinutes: 5 }));
  assert.deepEqual(fits, [300, 360, 420]);
});

Deno.test("makeForecast() fits anew when its forecasts were worse than its back-test three times", () => {
  const changed = (t: number) => (t < 300 ? noise(t) : 20 * noise(t));
  const fits = fitsOf(schedule(changed, { from: 300, to: 335, everyMinutes: 1 }));
  // Forecasts of ten minutes are over at 310, 320 and 330.
  assert.deepEqual(fits, [300, 330]);
});

Deno.test("makeForecast() fits anew when the points have grown by half", () => {
  const fits = fitsOf(schedule((t) => noise(t), { from: 30, to: 75, everyMinutes: 1 }));
  assert.deepEqual(fits.filter((minute) => minute >= 45), [45, 68]);
});

Deno.test("makeForecast() of a constant that starts to move fits anew with the first value that it missed", () => {
  const ramp = (t: number) => (t < 300 ? 7 : 7 + 3 * (t - 299));
  for (const made of schedule(ramp, { from: 280, to: 420, everyMinutes: 5 })) {
    const { atMinute, fittedAtMinute, path, lower95, upper95 } = made;
    if (atMinute <= 300) assert.deepEqual([fittedAtMinute, lower95, upper95], [280, path, path]);
    else assert.ok(fittedAtMinute >= 305, `at ${atMinute} the fit is of ${fittedAtMinute}`);
    if (atMinute <= 300) continue;
    const width = upper95[9]! - lower95[9]!;
    assert.ok(width > 0 && width < 1000, `at ${atMinute}: ${lower95[9]} to ${upper95[9]}`);
    // Three forecasts of a fit to five values of a ramp are as wrong as it takes to see that it goes on.
    if (atMinute < 340) continue;
    const last = ramp(atMinute + horizonSteps - 1);
    assert.ok(lower95[9]! <= last && last <= upper95[9]!, `at ${atMinute}: ${lower95[9]} to ${upper95[9]}`);
  }
});

Deno.test("makeForecast() makes a fit of its own for another horizon", () => {
  const values = Float64Array.from({ length: 400 }, (_, t) => noise(t));
  const series = { startMs: 0, stepMs: minuteMs, values };
  const scheduled = makeForecast({ ...ofValues, series, horizonSteps, memory: null, atMs: 0 });
  const memory: Json = JSON.parse(JSON.stringify(scheduled.memory));
  for (const asked of [5, 60]) {
    const { forecast } = makeForecast({ ...ofValues, series, horizonSteps: asked, memory, atMs: 1 });
    assert.ok(forecast.known);
    const { path, testedSteps, fittedAtMs } = forecast.value;
    assert.deepEqual([path.length, testedSteps, fittedAtMs], [asked, asked, 1]);
  }
});

Deno.test("makeForecast() tells how the last forecast did whose horizon is over, whatever fit made it", () => {
  const judged = [...schedule((t) => noise(t), { from: 300, to: 380, everyMinutes: 5 })];
  assert.equal(judged[0]?.lastJudgement, null);
  const past = judged.find(({ answer }) => answer.judgement !== null);
  assert.deepEqual([past?.atMinute, past?.lastJudgement], [310, past?.answer.judgement]);
  assert.deepEqual([past?.lastJudgement?.startMs, past?.lastJudgement?.steps], [300 * minuteMs, 10]);
  const starts = judged.map(({ lastJudgement }) => (lastJudgement?.startMs ?? 0) / minuteMs);
  assert.deepEqual(starts, [0, 0, 300, 300, 310, 310, 320, 320, 330, 330, 340, 340, 350, 350, 360, 360, 370]);
});

Deno.test("makeForecast() fits anew when another channel is analysed, and judges nothing by its values", () => {
  const values = Float64Array.from({ length: 310 }, (_, t) => noise(t));
  const at = (minute: number, channel: "value" | "rate", memory: Json, formerChannel = channel) => {
    const series = { startMs: 0, stepMs: minuteMs, values: values.slice(0, minute) };
    const job = { channel, formerChannel, series, horizonSteps, memory, atMs: minute * minuteMs };
    const { forecast, judgement, memory: next } = makeForecast(job);
    assert.ok(forecast.known);
    const { fittedAtMs, channel: of, lastJudgement } = forecast.value;
    assert.deepEqual([of, lastJudgement], [channel, judgement]);
    return { fittedAt: fittedAtMs / minuteMs, judgement, memory: JSON.parse(JSON.stringify(next)) };
  };
  const other = { value: "rate", rate: "value" } as const;
  for (const channel of ["value", "rate"] as const) {
    const { memory } = at(300, channel, null);
    const same = at(310, channel, memory);
    assert.deepEqual([same.fittedAt, same.judgement?.channel], [300, channel]);
    const changed = at(310, other[channel], memory);
    assert.deepEqual([changed.fittedAt, changed.judgement], [310, null]);
    // As earlier versions remembered it.
    const { channel: _, ...unnamed } = memory;
    const read = at(310, channel, unnamed);
    assert.deepEqual([read.fittedAt, read.judgement?.startMs], [300, 300 * minuteMs]);
    const unread = at(310, other[channel], unnamed, channel);
    assert.deepEqual([unread.fittedAt, unread.judgement], [310, null]);
  }
});

Deno.test("makeForecast() tells what became of each method, once for a fit", () => {
  const [first, second] = schedule((t) => noise(t), { from: 300, to: 305, everyMinutes: 5 });
  const outcomes = new Set(first?.answer.methods.map(({ outcome }) => outcome));
  assert.ok(outcomes.has("chosen") && outcomes.has("beaten"), [...outcomes].join());
  assert.deepEqual(second?.answer.methods, []);
  const [constant] = schedule(() => 7, { from: 300, to: 300, everyMinutes: 5 });
  assert.deepEqual(constant?.answer.methods, [{ family: "last value", outcome: "chosen" }]);
});

Deno.test("ForecastMetrics counts what became of methods, from zero on", async () => {
  const registry = new Registry();
  const metrics = new ForecastMetrics(registry);
  metrics.made([{ family: "theta", outcome: "chosen" }, { family: "arima", outcome: "failed" }]);
  metrics.made([{ family: "theta", outcome: "fallback" }]);
  const text = await registry.metrics();
  const totals = [...text.matchAll(/^sensorium_forecast_fits_total\{(.*)\} ([1-9].*)$/gm)];
  assert.deepEqual(totals.map(([, labels, total]) => `${labels} ${total}`).sort(), [
    'method="arima",outcome="failed" 1',
    'method="theta",outcome="chosen" 1',
    'method="theta",outcome="fallback" 1',
  ]);
  assert.match(text, /method="last value",outcome="fallback"\} 0/);
});
