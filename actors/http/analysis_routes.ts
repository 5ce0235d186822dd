/** What was found out about a series: the last scheduled analyses, and a forecast for whoever asks now. */

import { z } from "zod";
import { type Forecasting, forecastNow } from "../analysis/analysis_service.ts";
import { defaultHorizonMs, maxHorizonMs, stepMs } from "../analysis/limits.ts";
import type { Forecast } from "../analytics/forecasts/forecast.ts";
import { type CollectionContext, readProblems } from "./collection_routes.ts";
import { csvMediaType, csvResponse, csvText, type CsvValue, wantsCsv } from "./csv.ts";
import { ForecastNow, Judgement } from "./forecast_schemas.ts";
import { jsonResponse } from "./json_response.ts";
import { durationMs, uncachedConsistency } from "./parameters.ts";
import { badParameter, type Route, route } from "./route.ts";
import { age } from "./schema_parts.ts";
import { tableCell } from "./tables.ts";

const tag = "series";
const segments = { id: "The series' id, percent-encoded." };

const Task = z.object({
  request: z.number().nullable().meta({ description: "Number of the request at work; null: none is." }),
  atMs: z.number().nullable().meta({ description: "When what was found was asked for." }),
  found: z.json(),
  tookMs: z.number().nullable(),
  failure: z.string().nullable().meta({ description: "Why the last request found nothing." }),
});

const Analysis = z.object({
  id: z.string(),
  rules: z.record(z.string(), z.json()).meta({ description: "What each rule wants." }),
  values: Task,
  metadata: Task,
  forecast: Task,
  judgements: z.array(Judgement).meta({ description: "How earlier forecasts did, oldest first." }),
  results: z.object({ stored: z.number(), failed: z.number(), failure: z.string().nullable() }),
  ...age,
}).meta({ id: "Analysis" });

const Anomalies = z.object({
  id: z.string(),
  anomalies: z.object({
    last: z.object({
      score: z.number().meta({ description: "From 0 to 1." }),
      isAnomaly: z.boolean(),
      why: z.string(),
      expected: z.number(),
      scale: z.number().meta({ description: "The usual distance from what is expected." }),
      missing: z.number().meta({ description: "Values that are missing until there are scores." }),
    }).nullable().meta({ description: "Of the last value; null after a restart until the next one." }),
    detections: z.array(z.object({
      ts: z.number(),
      value: z.number(),
      score: z.number(),
      why: z.string(),
      expected: z.number(),
    })).meta({ description: "The last ones, oldest first." }),
  }).nullable().meta({ description: "Null: no rule asks for a score." }),
  ...age,
}).meta({ id: "Anomalies" });

type ForecastContext = CollectionContext & Forecasting;

interface Table {
  readonly columns: readonly string[];
  rows(answer: unknown): Readonly<Record<string, CsvValue>>[];
}

const detectionColumns = ["ts", "value", "score", "why", "expected"] as const;
const Detections = z.object({
  anomalies: z.object({ detections: z.array(z.record(z.enum(detectionColumns), tableCell)) }).nullable(),
});

/** What an actor that looks at a series answers, as it is. */
interface SeriesQuery {
  /** Last segment of its path. */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly kind: string;
  readonly query: string;
  readonly schema: z.ZodType;
  /** The answer as a table, where it is one. */
  readonly table?: Table;
}

const analysis: SeriesQuery = {
  path: "analysis",
  summary: "What was found out about a series on schedule, as rules want it.",
  description: "Metadata, forecasts and values of the last time, why there are none, and how forecasts did.",
  kind: "analysis",
  query: "state",
  schema: Analysis,
};

const anomalies: SeriesQuery = {
  path: "anomalies",
  summary: "How unusual a series is now, and its last anomalies.",
  description:
    "Of series for which a rule asks for it. A score of 0.5 is what happens once in 10,000 values.",
  kind: "series",
  query: "anomalies",
  schema: Anomalies,
  table: {
    columns: detectionColumns,
    rows: (answer) => Detections.parse(answer).anomalies?.detections ?? [],
  },
};

export function analysisRoutes(context: ForecastContext): Route[] {
  return [queryRoute(analysis, context), forecastRoute(context), queryRoute(anomalies, context)];
}

function queryRoute(
  { path, summary, description, kind, query, schema, table }: SeriesQuery,
  { reader }: CollectionContext,
): Route {
  return route({
    method: "get",
    path: `/series/{id}/${path}`,
    operationId: `get-series-${path}`,
    tag,
    summary,
    description,
    access: "token",
    segments,
    query: z.strictObject({ consistency: uncachedConsistency }),
    success: {
      status: 200,
      description: "It.",
      mediaType: "application/json",
      ...table !== undefined && { alsoAs: [csvMediaType] },
      schema,
    },
    problems: readProblems,
    answer: async ({ consistency }, { request, segments: { id = "" } }) => {
      const { value, age } = await reader.read({ kind, id }, query, {}, consistency);
      if (table !== undefined && wantsCsv(request)) {
        return csvResponse(csvText(table.columns, table.rows(value)));
      }
      return jsonResponse({ id, ...Object(value), ...age });
    },
  });
}

function forecastRoute(context: ForecastContext): Route {
  return route({
    method: "get",
    path: "/series/{id}/forecast",
    operationId: "get-series-forecast",
    tag,
    summary: "The next minutes of a series, with intervals.",
    description:
      "By the fit of the last scheduled forecast; without one, or for another horizon, it is fitted now. One point a " +
      "minute, from now on, also where the last values are older. CSV has a row for each; where there is none, the header `X-Missing` says why.",
    access: "token",
    segments,
    query: z.strictObject({
      horizon: durationMs.prefault(`${defaultHorizonMs / stepMs}m`).meta({
        description: `How far ahead: 10m, 1h; from 1 minute to ${maxHorizonMs / 3_600_000} hours.`,
      }),
    }),
    success: {
      status: 200,
      description: "The forecast.",
      mediaType: "application/json",
      alsoAs: [csvMediaType],
      schema: ForecastNow,
    },
    problems: readProblems,
    answer: async ({ horizon }, { request, segments: { id = "" } }) => {
      if (horizon < stepMs || horizon > maxHorizonMs) {
        throw badParameter(
          "horizon",
          `it is ${horizon} ms; from 1m to ${maxHorizonMs / 3_600_000}h is right`,
        );
      }
      // Tells an unknown series from one with too few values.
      await context.reader.read({ kind: "series", id }, "state", {}, "local");
      const { memory, judgements } = await rememberedOf(id, context);
      const wanted = { series: id, horizonMs: horizon, memory };
      const found = await forecastNow(context, wanted, context.limits.askDeadlineMs);
      const missing = found.known ? null : `Not enough information because ${found.reason}.`;
      if (wantsCsv(request)) {
        const rows = found.known ? stepRows(found.value) : [];
        return csvResponse(csvText(stepColumns, rows), missing === null ? {} : { "x-missing": missing });
      }
      return jsonResponse({ id, forecast: found.known ? found.value : null, missing, judgements });
    },
  });
}

const bands = ["lower80", "upper80", "lower95", "upper95"] as const;
const stepColumns = ["ts", "value", ...bands];

function stepRows(forecast: Forecast): Readonly<Record<string, CsvValue>>[] {
  return forecast.path.map((value, step) => ({
    ts: forecast.startMs + step * forecast.stepMs,
    value,
    ...Object.fromEntries(bands.map((band) => [band, forecast[band][step]!])),
  }));
}

const Remembered = z.object({ memory: z.json(), judgements: z.array(z.json()) });

/** Of the last scheduled forecasts; nothing when none is made of this series. */
async function rememberedOf(
  id: string,
  { engine, limits }: CollectionContext,
): Promise<z.infer<typeof Remembered>> {
  const answer = await engine.ask({ kind: "analysis", id }, "remembered", {}, {
    consistency: "local",
    deadlineMs: limits.askDeadlineMs,
  });
  return answer.type === "answered"
    ? Remembered.parse(JSON.parse(answer.json))
    : { memory: null, judgements: [] };
}
