/**
 * One scheduled forecast after the other: when a series is fitted anew, and how earlier forecasts did.
 *
 * 1. A fit is used for `refitMs`, or until the last `driftForecasts` forecasts by it were `driftRatio` times as wrong as it
 *    was in its back-test; one that no back-test measured, until a value lies outside a 95 % interval. It is used for the
 *    horizon that it was made for, and until the series has `outgrownRatio` times as many steps.
 * 2. One forecast is waited for at a time: it is judged once its horizon is over, and the next one made then is the next
 *    to be judged. So there are as many judgements as horizons, and no two of the same minutes.
 * 3. What is remembered is of one channel. When another is analysed, it is forgotten: its fit is not used, and its forecasts
 *    are not judged by values of something else.
 * 4. What is remembered is plain JSON; what does not look like it, of another version of the program, is forgotten. What
 *    names no channel is of an earlier version, and of the channel that such a program would have analysed.
 */

import type { Json } from "../../runtime/core/actor.ts";
import { type Finding, known } from "../analytics/finding.ts";
import type { MethodOutcome } from "../analytics/forecasts/families.ts";
import {
  chooseForecaster,
  type Fitted,
  type Forecast,
  forecast,
  judgeForecast,
  type Judgement,
} from "../analytics/forecasts/forecast.ts";
import type { RegularSeries } from "../analytics/regular_series.ts";
import type { SeriesChannel } from "../series/channels.ts";
import { driftForecasts, driftRatio, outgrownRatio, refitMs } from "./limits.ts";

const memoryVersion = 2;

/** What judging takes; it may be by an earlier fit. */
type PendingForecast =
  & Pick<Forecast, "method" | "startMs" | "stepMs" | "path" | "lower80" | "upper80" | "lower95" | "upper95">
  & { readonly fittedAtMs: number };

/** How an earlier forecast did. */
type PastJudgement = Judgement & {
  readonly startMs: number;
  readonly method: string;
  /** Earlier versions named none. */
  readonly channel?: SeriesChannel;
};

interface Memory {
  readonly version: typeof memoryVersion;
  /** Of which everything here is. Earlier versions named none. */
  readonly channel?: SeriesChannel;
  readonly fitted: Fitted;
  readonly fittedAtMs: number;
  /** Of the series then, gaps included. */
  readonly steps: number;
  /** To be judged when its horizon is over. */
  readonly pending: PendingForecast | null;
  /** Errors of the last forecasts by this fit, against what 1 is for MASE. */
  readonly errors: readonly number[];
  /** The last one, by whatever fit. */
  readonly judgement: PastJudgement | null;
}

export interface ForecastJob {
  /** What the series is of. */
  readonly channel: SeriesChannel;
  /** What a memory is of that names no channel. */
  readonly formerChannel: SeriesChannel;
  readonly series: RegularSeries;
  readonly horizonSteps: number;
  /** `memory` of the last answer; null: there is none. */
  readonly memory: Json;
  readonly atMs: number;
}

/** What is answered: the forecast, of what it is, when it was fitted, and how the last one whose horizon is over did. */
export type MadeForecast = Forecast & {
  readonly channel: SeriesChannel;
  readonly fittedAtMs: number;
  readonly lastJudgement: PastJudgement | null;
};

export interface ForecastJobAnswer {
  readonly forecast: Finding<MadeForecast>;
  readonly memory: Memory | null;
  /** Of the earlier forecast whose horizon is over. */
  readonly judgement: PastJudgement | null;
  /** What became of them, if the fit is new; and of chosen ones that failed now. */
  readonly methods: readonly MethodOutcome[];
}

function isMemory(memory: unknown): memory is Memory {
  return typeof memory === "object" && memory !== null && "version" in memory &&
    memory.version === memoryVersion;
}

/** What the job's series can be forecast and judged with; null: nothing. */
function memoryOf({ memory, channel, formerChannel }: ForecastJob): Memory | null {
  return isMemory(memory) && (memory.channel ?? formerChannel) === channel ? memory : null;
}

function endMs({ startMs, stepMs, values }: RegularSeries): number {
  return startMs + stepMs * values.length;
}

function isOver({ startMs, stepMs, path }: PendingForecast, series: RegularSeries): boolean {
  return startMs + stepMs * path.length <= endMs(series);
}

interface Judged {
  readonly memory: Memory | null;
  readonly judgement: PastJudgement | null;
  /** By what came since. */
  readonly isRefuted: boolean;
}

function judge(memory: Memory, { series, channel }: ForecastJob): Judged {
  const { pending } = memory;
  const sofar = pending === null ? null : judgeForecast(pending, series);
  const isRefuted = hasMissed(memory, sofar);
  if (pending === null || !isOver(pending, series)) return { memory, judgement: null, isRefuted };
  const judgement = sofar === null
    ? null
    : { ...sofar, startMs: pending.startMs, method: pending.method, channel };
  const next: Memory = {
    ...memory,
    pending: null,
    errors: errorsWith(memory, pending, sofar),
    judgement: judgement ?? memory.judgement,
  };
  return { memory: next, judgement, isRefuted: isRefuted || hasDrifted(next) };
}

/** What an earlier fit forecast says nothing of this one. */
function errorsWith(
  { fitted, fittedAtMs, errors }: Memory,
  pending: PendingForecast,
  found: Judgement | null,
): readonly number[] {
  if (found === null || !(fitted.naiveError > 0) || pending.fittedAtMs !== fittedAtMs) return errors;
  return [...errors, found.meanError / fitted.naiveError].slice(-driftForecasts);
}

function hasDrifted({ fitted: { mase }, errors }: Memory): boolean {
  return mase !== null && errors.length === driftForecasts &&
    errors.every((error) => error > driftRatio * mase);
}

/** A fit without a measure of its errors may claim that there are none: any miss says that it is wrong. */
function hasMissed({ fitted: { mase } }: Memory, found: Judgement | null): boolean {
  return mase === null && found !== null && found.inside95 < 1;
}

function isOfUse(
  { fitted, fittedAtMs, steps }: Memory,
  { series, horizonSteps, atMs }: ForecastJob,
): boolean {
  return fitted.horizonSteps === horizonSteps && atMs - fittedAtMs < refitMs &&
    series.values.length < outgrownRatio * steps;
}

interface Used {
  readonly memory: Memory;
  readonly isNew: boolean;
}

/** A fit that may be used still, or a new one. */
function fit({ memory, isRefuted }: Judged, job: ForecastJob): Finding<Used> {
  const { series, channel, horizonSteps, atMs } = job;
  if (memory !== null && !isRefuted && isOfUse(memory, job)) return known({ memory, isNew: false });
  const fitted = chooseForecaster(series, { horizonSteps });
  if (!fitted.known) return fitted;
  return known({
    isNew: true,
    memory: {
      version: memoryVersion,
      channel,
      fitted: fitted.value,
      fittedAtMs: atMs,
      steps: series.values.length,
      pending: memory?.pending ?? null,
      errors: [],
      judgement: memory?.judgement ?? null,
    },
  });
}

export function makeForecast(job: ForecastJob): ForecastJobAnswer {
  const remembered = memoryOf(job);
  const before: Judged = remembered === null
    ? { memory: null, judgement: null, isRefuted: false }
    : judge(remembered, job);
  const { judgement } = before;
  const used = fit(before, job);
  if (!used.known) return { forecast: used, memory: before.memory, judgement, methods: [] };
  const { memory, isNew } = used.value;
  const { fitted, fittedAtMs } = memory;
  const methods = isNew ? fitted.candidates : [];
  const made = forecast(fitted, job.series);
  if (!made.known) return { forecast: made, memory, judgement, methods };
  const { path, lower80, upper80, lower95, upper95, startMs, stepMs, method, fallbacks } = made.value;
  return {
    forecast: known({ ...made.value, channel: job.channel, fittedAtMs, lastJudgement: memory.judgement }),
    memory: {
      ...memory,
      channel: job.channel,
      pending: memory.pending ??
        { path, lower80, upper80, lower95, upper95, startMs, stepMs, method, fittedAtMs },
    },
    judgement,
    methods: [...methods, ...fallbacks.map((family) => ({ family, outcome: "fallback" } as const))],
  };
}
