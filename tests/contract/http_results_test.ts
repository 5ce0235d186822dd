/** Stored results over HTTP, on real tables: pages, filters, JSON and CSV. */

import assert from "node:assert/strict";
import { z } from "zod";
import { SqliteSql } from "../../actors/results/sqlite_sql.ts";
import { ResultTables } from "../../actors/results/tables.ts";
import { type Bench, withApp } from "../unit/http_app_under_test.ts";
import { answered } from "../unit/http_fake_engine.ts";
import { forecast, metadata, noonMs, place, values } from "./results_fixtures.ts";

const minuteMs = 60_000;
const seriesNames = Array.from({ length: 7 }, (_, i) => `load{host="h${i}"}`);

/** Three results of each kind of each series; two rows in each of values, one in the others. */
async function withResults(test: (bench: Bench) => Promise<void>): Promise<void> {
  const tables = await ResultTables.open(new SqliteSql(":memory:"));
  try {
    const results = seriesNames.flatMap((series) =>
      [0, 1, 2].flatMap((i) =>
        [values, metadata, forecast].map((make) => make(series, noonMs + i * minuteMs))
      )
    );
    await tables.store({ place, from: 0, next: results.length, results, refused: [] });
    await withApp({ results: () => tables }, async (bench) => {
      bench.engine.ids = seriesNames;
      await test(bench);
    });
  } finally {
    await tables.close();
  }
}

const Page = z.object({
  items: z.array(z.looseObject({ series: z.string() })),
  next: z.string().nullable(),
});
type Item = z.infer<typeof Page>["items"][number];

/** Every page, to the last one. */
async function walk<T>(
  { ask }: Bench,
  path: string,
  accept: string,
  read: (response: Response) => Promise<{ readonly page: T; readonly next: string | null }>,
): Promise<readonly T[]> {
  const pages: T[] = [];
  for (let after = "";;) {
    const response = await ask(`${path}${after}`, { headers: { accept } });
    assert.equal(response.status, 200);
    const { page, next } = await read(response);
    pages.push(page);
    if (next === null) return pages;
    after = `&after=${encodeURIComponent(next)}`;
  }
}

function jsonPages(bench: Bench, path: string): Promise<readonly Item[][]> {
  return walk(bench, path, "application/json", async (response) => {
    const { items, next } = Page.parse(await response.json());
    return { page: items, next };
  });
}

/** Lines of each page, the header first. */
function csvPages(bench: Bench, path: string): Promise<readonly string[][]> {
  return walk(bench, path, "text/csv, */*;q=0.1", async (response) => {
    assert.match(response.headers.get("content-type") ?? "", /^text\/csv/);
    const next = response.headers.get("x-next");
    const page = (await response.text()).trimEnd().split("\r\n");
    return { page, next: next === null ? null : decodeURIComponent(next) };
  });
}

/** An item as CSV has it. */
function lineOf(item: Item, columns: readonly string[]): string {
  const cells = columns.map((column) => {
    const value = column === "labels" ? JSON.stringify(item[column]) : String(item[column] ?? "");
    return /[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  });
  return cells.join(",");
}

const all = 3 * seriesNames.length;
const someTime = `&from=${noonMs}&to=${noonMs + 2 * minuteMs}`;
const lists: readonly (readonly [path: string, range: string, rows: number])[] = [
  ["/all_metrics", "", seriesNames.length],
  ["/max_min_avg_std_metric", "", 2 * seriesNames.length],
  ["/max_min_avg_std_metric", someTime, 4 * seriesNames.length],
  ["/max_min_avg_std_metric", "&from=0&window=12h", all],
  ["/autocorrelation_stationarity_seasonality_metadata", "", seriesNames.length],
  ["/autocorrelation_stationarity_seasonality_metadata", "&from=0", all],
  ["/prediction_of_metric_values", "", seriesNames.length],
  ["/prediction_of_metric_values", someTime, 2 * seriesNames.length],
];

for (const [path, range, rows] of lists) {
  Deno.test(`GET ${path}?limit=3${range} gives each row once over all pages, as JSON and CSV`, () =>
    withResults(async (bench) => {
      const [whole, ...others] = await jsonPages(bench, `${path}?limit=1000${range}`);
      assert.deepEqual(others, []);
      assert.equal(whole!.length, rows);
      assert.equal(new Set(whole!.map((item) => JSON.stringify(item))).size, rows);
      const pages = await jsonPages(bench, `${path}?limit=3${range}`);
      assert.ok(pages.length > 2, `${pages.length} pages`);
      assert.deepEqual(pages.flat(), whole);
      const tables = await csvPages(bench, `${path}?limit=3${range}`);
      const header = tables[0]![0]!;
      assert.deepEqual(
        tables,
        pages.map((items) => [header, ...items.map((item) => lineOf(item, header.split(",")))]),
      );
    }));
}

const wantedHosts = `match=${encodeURIComponent('{host=~"h[26]",__name__="load"}')}`;

for (const [path, range, rows] of lists) {
  Deno.test(`GET ${path}?match=…${range} fills its pages with what matches, and gives that alone`, () =>
    withResults(async (bench) => {
      const isWanted = ({ series }: Item) => /h[26]/.test(series);
      const [whole] = await jsonPages(bench, `${path}?limit=1000${range}`);
      const wanted = whole!.filter(isWanted);
      assert.equal(wanted.length, rows * 2 / seriesNames.length);
      const [first, ...others] = await jsonPages(bench, `${path}?limit=1&${wantedHosts}${range}`);
      assert.ok(first!.length > 0, "the first page is empty");
      assert.deepEqual([first!, ...others].flat(), wanted);
      // Behind the last that matches there may be more, which the page before could not know.
      assert.ok(others.slice(0, -1).every((items) => items.length > 0), JSON.stringify(others));
    }));
}

Deno.test("GET /max_min_avg_std_metric?match= of what is no selector is 400, and names it", () =>
  withResults(async ({ ask }) => {
    const response = await ask("/max_min_avg_std_metric?match={");
    assert.equal(response.status, 400);
    assert.match(await response.text(), /match/);
  }));

Deno.test("GET /all_metrics lists series of which another program wrote results, each series once, in order", () =>
  withResults(async (bench) => {
    bench.engine.ids = ["a", seriesNames[3]!, "z"];
    const names = async (query: string) =>
      (await jsonPages(bench, `/all_metrics?${query}`)).flat().map(({ series }) => series);
    assert.deepEqual(await names("limit=2"), ["a", ...seriesNames, "z"]);
    assert.deepEqual(await names(`limit=1&${wantedHosts}`), [seriesNames[2], seriesNames[6]]);
  }));

Deno.test("GET /all_metrics lists what is here while there are no tables of results", () =>
  withApp({}, async (bench) => {
    bench.engine.ids = ["a", "z"];
    assert.deepEqual((await jsonPages(bench, "/all_metrics?limit=1")).flat().map(({ series }) => series), [
      "a",
      "z",
    ]);
  }));

Deno.test("GET /series/{id}/values is 404 for a series that nobody knows, and empty for one without results", () =>
  withResults(async ({ ask, engine }) => {
    const statusOf = async (path: string) => (await ask(path)).status;
    assert.equal(await statusOf(`/series/${encodeURIComponent(seriesNames[0]!)}/values`), 200);
    for (const segment of ["values", "metadata", "forecasts"]) {
      assert.equal(await statusOf(`/series/nosuch/${segment}`), 404, segment);
    }
    assert.equal(engine.asked[0]?.options.consistency, "strict");
    engine.answer = () => answered({});
    const response = await ask("/series/new/metadata");
    assert.deepEqual([response.status, await response.json()], [200, { items: [], next: null }]);
  }));
