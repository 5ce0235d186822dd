/**
 * Stored results, as those who query them know them: all metrics, metadata, windows and forecasts, with filters and pages,
 * as JSON or CSV; and the same below `/series/{id}/`.
 */

import { z } from "zod";
import type { ResultKind } from "../results/result.ts";
import type { ResultTables } from "../results/tables.ts";
import { scannedRows } from "../results/limits.ts";
import { type IsWanted, mergedSeries, selectPage, seriesList } from "../results/selecting.ts";
import type { SqlRow } from "../results/sql.ts";
import { timeArgumentShape } from "../sensors/timestamp.ts";
import { type Matchers, matches, parseMatchers } from "../series/matchers.ts";
import { parseSeriesId } from "../series/sample.ts";
import { SelectorError } from "../series/selector_reader.ts";
import { type CollectionContext, readProblems } from "./collection_routes.ts";
import { csvMediaType, csvResponse, csvText, type CsvValue, wantsCsv } from "./csv.ts";
import { jsonResponse } from "./json_response.ts";
import { instantMs, page } from "./parameters.ts";
import { nodeProblems, type ProblemCode, ProblemError } from "./problem.ts";
import { badParameter, type Route, route } from "./route.ts";

export interface ResultsContext extends CollectionContext {
  /** Null: this node stores no results, or its tables are not there yet. */
  readonly tables: () => ResultTables | null;
}

const tag = "results";
const fields = z.record(z.string(), z.json());
const Page = z.object({ items: z.array(fields), next: z.string().nullable() }).meta({ id: "ResultPage" });

/** How a kind of result is reached, and what of its rows is shown. */
interface Shown {
  readonly kind: ResultKind;
  readonly path: string;
  /** Below `/series/{id}/`. */
  readonly segment: string;
  readonly summary: string;
  /** Columns of CSV: names of a row's own. */
  readonly columns: readonly string[];
  /** The member of an item that holds the whole finding; null: the columns are all there is. */
  readonly body: string | null;
}

const extremes = ["max", "min", "avg"].flatMap((name) =>
  ["value", "lower80", "upper80", "lower95", "upper95"].map((part) => `${name}_${part}`)
);

const kinds: readonly Shown[] = [{
  kind: "metadata",
  path: "/autocorrelation_stationarity_seasonality_metadata",
  segment: "metadata",
  summary: "Autocorrelation, stationarity and seasonality of metrics.",
  columns: ["series", "at", "verdict", "stationarity", "season_period", "season_strength"],
  body: "metadata",
}, {
  kind: "values",
  path: "/max_min_avg_std_metric",
  segment: "values",
  summary: "Max, min, avg and std of metrics over the last 1, 3 and 12 hours.",
  columns: ["series", "at", "span", "from_ms", "to_ms", "count", "max", "min", "avg", "std"],
  body: null,
}, {
  kind: "forecast",
  path: "/prediction_of_metric_values",
  segment: "forecasts",
  summary: "Forecasts of metrics: max, min and avg of the next minutes, and the path, with intervals.",
  columns: ["series", "at", "method", "start_ms", "step_ms", ...extremes, "mase"],
  body: "forecast",
}];

const match = z.string().optional().transform((text, context): Matchers | null => {
  if (text === undefined) return null;
  try {
    return parseMatchers(text);
  } catch (thrown) {
    if (!(thrown instanceof SelectorError)) throw thrown;
    context.addIssue({ code: "custom", message: thrown.message });
    return z.NEVER;
  }
}).meta({ description: 'Series as PromQL selects them: {__name__="up",job=~"a|b"}.' });

const time = (what: string) => instantMs.optional().meta({ ...timeArgumentShape, description: what });

function filters(context: ResultsContext, shown: Shown) {
  return {
    from: time("Results of this time on; the last one of each series, if neither is given."),
    to: time("Results before this time."),
    ...shown.kind === "values" && {
      window: z.enum(["1h", "3h", "12h"], { error: "it is 1h, 3h or 12h" }).optional().meta({
        description: "One window only.",
      }),
    },
    ...page(context.limits),
  };
}

const problems: readonly ProblemCode[] = ["results-away", ...nodeProblems];

const success = {
  status: 200,
  description:
    `A page. With \`match\` at most ${scannedRows} series or results are looked through for it: only then it may have ` +
    "fewer items than asked for, or none, where it is not the last.",
  mediaType: "application/json",
  alsoAs: [csvMediaType],
  schema: Page,
} as const;

function wantedBy(match: Matchers | null): IsWanted | null {
  return match === null ? null : (series) => matches(match, series);
}

function tablesOf({ tables }: ResultsContext): ResultTables {
  const found = tables();
  if (found !== null) return found;
  throw new ProblemError("results-away", "The tables of results cannot be reached yet.", {
    headers: { "retry-after": "1" },
  });
}

function valueOf(value: unknown): CsvValue {
  if (typeof value === "number" || typeof value === "string") return value;
  return value === null || value === undefined ? null : String(value);
}

function itemOf(row: SqlRow, { columns, body }: Shown): Record<string, unknown> {
  const item: Record<string, unknown> = Object.fromEntries(columns.map((name) => [name, valueOf(row[name])]));
  if (body !== null) item[body] = JSON.parse(String(row["body"]));
  return item;
}

interface Wanted {
  readonly series: string | null;
  readonly match: Matchers | null;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly window: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

function fromTables<T>(context: ResultsContext, read: (tables: ResultTables) => Promise<T>): Promise<T> {
  return context.deadlines.within(
    read(tablesOf(context)),
    () => new ProblemError("no-answer-in-time", "The tables of results have not answered in time."),
  );
}

/** Throws a problem for a series that is neither here nor has a result of any kind: another program's may have one. */
async function checkKnown(id: string, context: ResultsContext): Promise<void> {
  if (await fromTables(context, (tables) => tables.hasResultOf(id))) return;
  await context.reader.read({ kind: "series", id }, "state", {}, "strict");
}

async function answer(
  shown: Shown,
  wanted: Wanted,
  request: Request,
  context: ResultsContext,
): Promise<Response> {
  const { series, match, from, to, window, limit, after } = wanted;
  const range = from === undefined && to === undefined
    ? null
    : { fromMs: from ?? 0, toMs: to ?? Number.MAX_SAFE_INTEGER };
  if (range !== null && range.fromMs >= range.toMs) throw badParameter("from", "it is not before `to`");
  const query = {
    kind: shown.kind,
    series,
    isWanted: wantedBy(match),
    range,
    span: window ?? null,
    after: after ?? null,
    limit,
  };
  const { rows, next } = await fromTables(context, (tables) => tables.page(query));
  return wantsCsv(request)
    ? csvResponse(
      csvText(
        shown.columns,
        rows.map((row) => Object.fromEntries(shown.columns.map((name) => [name, valueOf(row[name])]))),
      ),
      next === null ? {} : { "x-next": encodeURIComponent(next) },
    )
    : jsonResponse({ items: rows.map((row) => itemOf(row, shown)), next });
}

/** Only values have windows. */
function windowOf(query: { readonly window?: unknown }): string | undefined {
  return typeof query.window === "string" ? query.window : undefined;
}

function allRoute(shown: Shown, context: ResultsContext): Route {
  const { path, segment, summary } = shown;
  return route({
    method: "get",
    path,
    operationId: `list-${segment}`,
    tag,
    summary,
    description:
      "The last result of each series, or those of a time. CSV names the next page in the header `X-Next`.",
    access: "token",
    segments: {},
    query: z.strictObject({
      series: z.string().optional().meta({ description: "One series only, by its id." }),
      match,
      ...filters(context, shown),
    }),
    success,
    problems,
    answer: ({ series, ...query }, { request }) =>
      answer(shown, { ...query, window: windowOf(query), series: series ?? null }, request, context),
  });
}

function ofSeriesRoute(shown: Shown, context: ResultsContext): Route {
  const { segment, summary } = shown;
  return route({
    method: "get",
    path: `/series/{id}/${segment}`,
    operationId: `get-series-${segment}`,
    tag: "series",
    summary: `Of one series: ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`,
    access: "token",
    segments: { id: "The series' id, percent-encoded." },
    query: z.strictObject(filters(context, shown)),
    success,
    problems: ["results-away", ...readProblems],
    answer: async (query, { request, segments: { id = "" } }) => {
      await checkKnown(id, context);
      return await answer(
        shown,
        { ...query, window: windowOf(query), series: id, match: null },
        request,
        context,
      );
    },
  });
}

/** Series that are here, and those of which another program has written results, where there are tables of them. */
async function knownSeries(
  { store, tables }: ResultsContext,
  after: string | null,
  limit: number,
): Promise<readonly string[]> {
  const [{ ids }, others] = await Promise.all([
    store.list("series", after, limit),
    tables()?.series(after, limit) ?? [],
  ]);
  return mergedSeries([ids, others], limit);
}

function metricsRoute(context: ResultsContext): Route {
  const { engine, limits, deadlines } = context;
  return route({
    method: "get",
    path: "/all_metrics",
    operationId: "list-metrics",
    tag,
    summary:
      "All metrics: the series that there are, and those that only have results, with names and labels.",
    access: "token",
    segments: {},
    query: z.strictObject({ match, ...page(limits) }),
    success,
    problems: nodeProblems,
    answer: async ({ match, limit, after }, { request }) => {
      await engine.flush(limits.askDeadlineMs);
      const list = seriesList((behind, count) => knownSeries(context, behind, count));
      const { rows: found, next } = await deadlines.within(
        selectPage(list, wantedBy(match), after ?? null, limit),
        () => new ProblemError("no-answer-in-time", "The lists of series have not answered in time."),
      );
      const items = found.map((series) => ({ series, ...parseSeriesId(series) }));
      if (!wantsCsv(request)) return jsonResponse({ items, next });
      const rows = items.map(({ series, name, labels }) => ({
        series,
        name,
        labels: JSON.stringify(labels),
      }));
      const headers = next === null ? {} : { "x-next": encodeURIComponent(next) };
      return csvResponse(csvText(["series", "name", "labels"], rows), headers);
    },
  });
}

export function resultsRoutes(context: ResultsContext): Route[] {
  return [
    metricsRoute(context),
    ...kinds.map((shown) => allRoute(shown, context)),
    ...kinds.map((shown) => ofSeriesRoute(shown, context)),
  ];
}
