/**
 * The service `analysis`: reads a series, has the long sums done on compute threads, and answers what was found.
 *
 * 1. A series of which too little is known is no failure: the answer says what is missing.
 * 2. Of two requests for the same the second may find more: nothing depends on how often a request is made.
 */

import type { Json } from "../../runtime/core/actor.ts";
import type { Compute, ComputeOptions } from "../../runtime/node/compute.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type Service, serviceOf } from "../../runtime/node/service.ts";
import { type Finding, known } from "../analytics/finding.ts";
import type { Metadata } from "../analytics/statistics/metadata.ts";
import { AnalysisRequest, type FoundAnalysis } from "./found.ts";
import {
  analysesAtOnce,
  computeDeadlineMs,
  forecastSpanMs,
  maxWaitingAnalyses,
  metadataSpanMs,
  stepMs,
} from "./limits.ts";
import type { ForecastMetrics } from "./forecast_metrics.ts";
import type { ForecastJob, ForecastJobAnswer, MadeForecast } from "./forecasting.ts";
import { readMinutes } from "./read_minutes.ts";
import { readValues } from "./read_values.ts";
import type { Task } from "./wants.ts";

export interface AnalysisServiceOptions {
  /** Once it runs. */
  readonly engine: Promise<Engine>;
  readonly forecasts: ForecastMetrics;
  /** Told after each analysis that found something. */
  onTook(task: Task, series: string, tookMs: number): void;
  /** Milliseconds of any beginning. */
  nowMs(): number;
}

type Found = Omit<FoundAnalysis, "atMs" | "tookMs">;

function computeOf({ compute }: Engine): Compute {
  if (compute === null) throw new Error("This node was started without compute threads");
  return compute;
}

/** Plain objects of plain values, as jobs answer them, are JSON; types that have names are not known to be. */
function jsonOf(value: object | null): Json {
  return JSON.parse(JSON.stringify(value));
}

function unknownOf(finding: Finding<unknown> & { readonly known: false }): Found {
  return { unknown: `not enough information because ${finding.reason}` };
}

async function findMetadata(
  engine: Engine,
  { series, atMs }: AnalysisRequest,
  signal: AbortSignal,
): Promise<Found> {
  const minutes = await readMinutes(engine, series, atMs, metadataSpanMs);
  if (!minutes.known) return unknownOf(minutes);
  const found = await computeOf(engine).run<Metadata>("metadata", minutes.value.series, {
    priority: "background",
    deadlineMs: computeDeadlineMs,
    signal,
  });
  // Seasons are looked for in whatever is enough to say anything.
  return found.seasonality.known ? { found: jsonOf(found) } : unknownOf(found.seasonality);
}

type ForecastRequest = Omit<Extract<AnalysisRequest, { task: "forecast" }>, "task">;

/** What a node forecasts with. */
export interface Forecasting {
  readonly engine: Engine;
  readonly forecasts: ForecastMetrics;
}

async function runForecast(
  { engine, forecasts }: Forecasting,
  { series: id, atMs, horizonMs, memory }: ForecastRequest,
  options: ComputeOptions,
): Promise<Finding<ForecastJobAnswer>> {
  const minutes = await readMinutes(engine, id, atMs, forecastSpanMs);
  if (!minutes.known) return minutes;
  const job: ForecastJob = { ...minutes.value, horizonSteps: Math.ceil(horizonMs / stepMs), memory, atMs };
  const answer = await computeOf(engine).run<ForecastJobAnswer>("forecast", job, options);
  forecasts.made(answer.methods);
  return known(answer);
}

async function findForecast(
  forecasting: Forecasting,
  request: ForecastRequest,
  signal: AbortSignal,
): Promise<Found> {
  const answer = await runForecast(forecasting, request, {
    priority: "background",
    deadlineMs: computeDeadlineMs,
    signal,
  });
  if (!answer.known) return unknownOf(answer);
  const { forecast, memory, judgement } = answer.value;
  return {
    ...forecast.known ? { found: jsonOf(forecast.value) } : unknownOf(forecast),
    memory: jsonOf(memory),
    ...judgement !== null && { judgement: jsonOf(judgement) },
  };
}

async function findValues(engine: Engine, { series }: AnalysisRequest): Promise<Found> {
  const found = await readValues(engine, series);
  return found.known ? { found: found.value } : unknownOf(found);
}

function find(forecasting: Forecasting, request: AnalysisRequest, signal: AbortSignal): Promise<Found> {
  const { engine } = forecasting;
  switch (request.task) {
    case "values":
      return findValues(engine, request);
    case "metadata":
      return findMetadata(engine, request, signal);
    case "forecast":
      return findForecast(forecasting, request, signal);
  }
}

export function analysisService({ engine, forecasts, onTook, nowMs }: AnalysisServiceOptions): Service {
  const settings = { name: "analysis", concurrency: analysesAtOnce, maxWaiting: maxWaitingAnalyses };
  return serviceOf(settings, async ({ body }, signal): Promise<Json> => {
    const request = AnalysisRequest.parse(body);
    const startMs = nowMs();
    const found = await find({ engine: await engine, forecasts }, request, signal);
    const tookMs = nowMs() - startMs;
    if (found.found !== undefined) onTook(request.task, request.series, tookMs);
    const answer: FoundAnalysis = { atMs: request.atMs, tookMs, ...found };
    return answer;
  });
}

/** What a person asks for now: the next `horizonMs`, by the fit of the last scheduled forecast if that is for as many. */
export async function forecastNow(
  forecasting: Forecasting,
  request: Omit<ForecastRequest, "atMs">,
  deadlineMs: number,
): Promise<Finding<MadeForecast>> {
  const atMs = forecasting.engine.logNowMs();
  const options = { priority: "interactive", deadlineMs } as const;
  const answer = await runForecast(forecasting, { ...request, atMs }, options);
  return answer.known ? answer.value.forecast : answer;
}
