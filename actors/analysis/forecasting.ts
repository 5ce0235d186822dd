/**
 * One scheduled forecast after the other: when a series is fitted anew, and how earlier forecasts did.
 *
 * 1. A fit is used for `refitMs`, or until the last `driftForecasts` forecasts by it were `driftRatio` times as wrong as it
 *    was in its back-test.
 * 2. One forecast is waited for at a time: it is judged once its horizon is over, and the next one made then is the next
 *    to be judged. So there are as many judgements as horizons, and no two of the same minutes.
 * 3. What is remembered is plain JSON; what does not look like it, of another version of the program, is forgotten.
 */

import type { Json } from "../../runtime/core/actor.ts";
import type { Finding } from "../analytics/finding.ts";
import {
  chooseForecaster,
  type Fitted,
  type Forecast,
  forecast,
  judgeForecast,
  type Judgement,
} from "../analytics/forecasts/forecast.ts";
import type { RegularSeries } from "../analytics/regular_series.ts";
import { driftForecasts, driftRatio, refitMs } from "./limits.ts";

const memoryVersion = 1;

interface Memory {
  readonly version: typeof memoryVersion;
  readonly fitted: Fitted;
  readonly fittedAtMs: number;
  /** To be judged when its horizon is over. */
  readonly pending: Forecast | null;
  /** Errors of the last forecasts by this fit, against what 1 is for MASE. */
  readonly errors: readonly number[];
}

export interface ForecastJob {
  readonly series: RegularSeries;
  readonly horizonSteps: number;
  /** `memory` of the last answer; null: there is none. */
  readonly memory: Json;
  readonly atMs: number;
}

/** What is answered: the forecast, and when it was fitted. */
export type MadeForecast = Forecast & { readonly fittedAtMs: number };

export interface ForecastJobAnswer {
  readonly forecast: Finding<MadeForecast>;
  readonly memory: Memory | null;
  /** Of the earlier forecast whose horizon is over. */
  readonly judgement: (Judgement & { readonly startMs: number; readonly method: string }) | null;
}

function isMemory(memory: unknown): memory is Memory {
  return typeof memory === "object" && memory !== null && "version" in memory &&
    memory.version === memoryVersion;
}

function endMs({ startMs, stepMs, values }: RegularSeries): number {
  return startMs + stepMs * values.length;
}

function isOver({ startMs, stepMs, path }: Forecast, series: RegularSeries): boolean {
  return startMs + stepMs * path.length <= endMs(series);
}

interface Judged {
  readonly memory: Memory;
  readonly judgement: ForecastJobAnswer["judgement"];
}

function judge(memory: Memory, series: RegularSeries): Judged {
  const { pending, fitted, errors } = memory;
  if (pending === null || !isOver(pending, series)) return { memory, judgement: null };
  const { startMs, method } = pending;
  const found = judgeForecast(pending, series);
  const isKnown = found !== null && fitted.naiveError > 0;
  const next = isKnown ? [...errors, found.meanError / fitted.naiveError].slice(-driftForecasts) : errors;
  return {
    memory: { ...memory, pending: null, errors: next },
    judgement: found === null ? null : { ...found, startMs, method },
  };
}

function hasDrifted({ fitted, errors }: Memory): boolean {
  if (fitted.mase === null || errors.length < driftForecasts) return false;
  return errors.every((error) => error > driftRatio * fitted.mase!);
}

/** A fit that may be used still, or a new one. */
function fit(memory: Memory | null, job: ForecastJob): Finding<Memory> {
  const { series, horizonSteps, atMs } = job;
  if (memory !== null && atMs - memory.fittedAtMs < refitMs && !hasDrifted(memory)) {
    return { known: true, value: memory };
  }
  const fitted = chooseForecaster(series, { horizonSteps });
  if (!fitted.known) return fitted;
  const pending = memory?.pending ?? null;
  return {
    known: true,
    value: { version: memoryVersion, fitted: fitted.value, fittedAtMs: atMs, pending, errors: [] },
  };
}

export function makeForecast(job: ForecastJob): ForecastJobAnswer {
  const before = isMemory(job.memory) ? judge(job.memory, job.series) : { memory: null, judgement: null };
  const { judgement } = before;
  const memory = fit(before.memory, job);
  if (!memory.known) return { forecast: memory, memory: before.memory, judgement };
  const { fitted, fittedAtMs, pending } = memory.value;
  const made = forecast(fitted, job.series, job.horizonSteps);
  if (!made.known) return { forecast: made, memory: memory.value, judgement };
  return {
    forecast: { known: true, value: { ...made.value, fittedAtMs } },
    memory: { ...memory.value, pending: pending ?? made.value },
    judgement,
  };
}
