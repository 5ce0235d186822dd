/** Stored results over HTTP, on real tables: pages, filters, JSON and CSV. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Result } from "../../actors/results/result.ts";
import { SqliteSql } from "../../actors/results/sqlite_sql.ts";
import { ResultTables } from "../../actors/results/tables.ts";
import { type Bench, withApp } from "../unit/http_app_under_test.ts";

const noonMs = Date.UTC(2026, 0, 31, 12);
const minuteMs = 60_000;
const seriesNames = Array.from({ length: 7 }, (_, i) => `load{host="h${i}"}`);

function values(series: string, at: number): Result {
  const window = { from: at - 3_600_000, to: at, count: 4, max: 5, min: 1, avg: 2.5, std: null };
  const id = `values/${series}/${at}`;
  return { v: 1, kind: "values", id, series, at, tookMs: 1.5, windows: { "1h": window, "12h": window } };
}

/** Three results of each series, two rows in each. */
async function withResults(test: (bench: Bench) => Promise<void>): Promise<void> {
  const tables = await ResultTables.open(new SqliteSql(":memory:"));
  try {
    const results = seriesNames.flatMap((series) =>
      [0, 1, 2].map((i) => values(series, noonMs + i * minuteMs))
    );
    const place = { topic: "prometheusdata", part: 0 };
    await tables.store({ place, from: 0, next: results.length, results, refused: [] });
    await withApp({ results: () => tables }, test);
  } finally {
    await tables.close();
  }
}

const Page = z.object({
  items: z.array(z.object({ series: z.string(), at: z.number(), span: z.string() })),
  next: z.string().nullable(),
});

async function jsonPages({ ask }: Bench, path: string): Promise<readonly string[][]> {
  const pages: string[][] = [];
  for (let next: string | null = ""; next !== null;) {
    const response = await ask(`${path}${next === "" ? "" : `&after=${encodeURIComponent(next)}`}`);
    assert.equal(response.status, 200);
    const page = Page.parse(await response.json());
    pages.push(page.items.map(({ series, at, span }) => `${series} ${at} ${span}`));
    next = page.next;
  }
  return pages;
}

async function csvPages({ ask }: Bench, path: string): Promise<readonly string[][]> {
  const pages: string[][] = [];
  for (let next: string | null = ""; next !== null;) {
    const response: Response = await ask(`${path}${next === "" ? "" : `&after=${next}`}`, {
      headers: { accept: "text/csv, */*;q=0.1" },
    });
    assert.match(response.headers.get("content-type") ?? "", /^text\/csv/);
    const [header, ...lines] = (await response.text()).trim().split("\r\n");
    assert.equal(header, "series,at,span,from_ms,to_ms,count,max,min,avg,std");
    pages.push(lines.map((line) => {
      const [, series, rest] = /^"(.*)",(.*)$/.exec(line)!;
      const [at, span] = rest!.split(",");
      return `${series!.replaceAll('""', '"')} ${at} ${span}`;
    }));
    next = response.headers.get("x-next");
  }
  return pages;
}

const ranges = [
  ["the last of each series", "", 2 * seriesNames.length],
  ["those of a time", `&from=${noonMs}&to=${noonMs + 2 * minuteMs}`, 4 * seriesNames.length],
] as const;

for (const [what, range, rows] of ranges) {
  Deno.test(`GET /max_min_avg_std_metric gives ${what}, each once over all pages, as JSON and CSV`, () =>
    withResults(async (bench) => {
      const path = `/max_min_avg_std_metric?limit=3${range}`;
      const pages = await jsonPages(bench, path);
      assert.ok(pages.length > 2, `${pages.length} pages`);
      const whole = await jsonPages(bench, `/max_min_avg_std_metric?limit=1000${range}`);
      assert.equal(whole.length, 1);
      assert.equal(whole[0]!.length, rows);
      assert.equal(new Set(whole[0]).size, rows);
      assert.deepEqual(pages.flat(), whole[0]);
      assert.deepEqual(await csvPages(bench, path), pages);
    }));
}

Deno.test("GET /series/{id}/values is 404 for a series that nobody knows, and empty for one without results", () =>
  withResults(async ({ ask, engine }) => {
    const statusOf = async (path: string) => (await ask(path)).status;
    assert.equal(await statusOf(`/series/${encodeURIComponent(seriesNames[0]!)}/values`), 200);
    for (const segment of ["values", "metadata", "forecasts"]) {
      assert.equal(await statusOf(`/series/nosuch/${segment}`), 404, segment);
    }
    engine.answer = () => ({
      type: "answered",
      json: "{}",
      epoch: 1,
      positions: { mailbox: 0 },
      nowMs: noonMs,
      ageMs: 0,
      suspended: null,
    });
    const response = await ask("/series/new/metadata");
    assert.deepEqual([response.status, await response.json()], [200, { items: [], next: null }]);
  }));
