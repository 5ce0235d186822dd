/** The contract of the tables of results, run over every database. */

import assert from "node:assert/strict";
import { parseResult, type Result } from "../../actors/results/result.ts";
import type { Sql } from "../../actors/results/sql.ts";
import {
  type ResultBatch,
  type ResultQuery,
  ResultTables,
  StalePosition,
} from "../../actors/results/tables.ts";
import { forecast, metadata, noonMs, place, values } from "./results_fixtures.ts";

function batch(from: number, results: readonly Result[], more: Partial<ResultBatch> = {}): ResultBatch {
  return { place, from, next: from + results.length, results, refused: [], ...more };
}

const latest: ResultQuery = {
  kind: "values",
  series: null,
  isWanted: null,
  range: null,
  span: null,
  after: null,
  limit: 100,
};

export function resultsContract(database: string, make: () => Promise<Sql>): void {
  const test = (name: string, body: (tables: ResultTables) => Promise<void>) =>
    Deno.test(`${database} ${name}`, async () => {
      const tables = await ResultTables.open(await make());
      try {
        await body(tables);
      } finally {
        await tables.close();
      }
    });

  test("position() is null before anything was stored, and what comes next then", async (tables) => {
    assert.equal(await tables.position(place), null);
    await tables.store(batch(7, [values("a", noonMs)]));
    assert.equal(await tables.position(place), 8);
    assert.equal(await tables.position({ ...place, part: 1 }), null);
  });

  test("store() refuses who read what another has stored, and stores nothing of it", async (tables) => {
    await tables.store(batch(0, [values("a", noonMs)]));
    await assert.rejects(tables.store(batch(0, [values("b", noonMs)])), StalePosition);
    await assert.rejects(tables.store(batch(5, [values("b", noonMs)])), StalePosition);
    const { rows } = await tables.page(latest);
    assert.deepEqual(new Set(rows.map(({ series }) => series)), new Set(["a"]));
    assert.equal(await tables.position(place), 1);
  });

  test("store() leaves a result whose id is there as it is", async (tables) => {
    await tables.store(batch(0, [values("a", noonMs, 5)]));
    await tables.store(batch(1, [values("a", noonMs, 9)]));
    const { rows } = await tables.page({ ...latest, span: "1h" });
    assert.deepEqual(rows.map(({ max, std, count }) => [max, std, count]), [[5, null, 4]]);
  });

  test("page() gives the last results of each series, a page of series at a time", async (tables) => {
    const all = ["b", "a", 'é{x="1"}', "c"].flatMap((series) => [
      values(series, noonMs),
      values(series, noonMs + 60_000, 7),
    ]);
    await tables.store(batch(0, all));
    const first = await tables.page({ ...latest, span: "12h", limit: 3 });
    assert.deepEqual(first.rows.map(({ series, at, max }) => [series, at, max]), [
      ["a", noonMs + 60_000, 7],
      ["b", noonMs + 60_000, 7],
      ["c", noonMs + 60_000, 7],
    ]);
    assert.equal(first.next, "c");
    const second = await tables.page({ ...latest, span: "12h", limit: 3, after: first.next });
    assert.deepEqual(second.rows.map(({ series }) => series), ['é{x="1"}']);
    assert.equal(second.next, null);
    assert.equal((await tables.page({ ...latest, series: "b" })).rows.length, 2);
    assert.deepEqual(await tables.page({ ...latest, series: "none" }), { rows: [], next: null });
  });

  test("page() reads on until it is full of series that are wanted", async (tables) => {
    const names = Array.from({ length: 30 }, (_, i) => `s${String(i).padStart(2, "0")}`);
    await tables.store(
      batch(0, names.flatMap((name) => [values(name, noonMs), values(name, noonMs + 60_000)])),
    );
    const isWanted = (series: string) => Number(series.slice(1)) % 7 === 6;
    const found = async (query: Partial<ResultQuery>) => {
      const { rows, next } = await tables.page({ ...latest, isWanted, span: "1h", limit: 2, ...query });
      return [...rows.map(({ series, at }) => `${series} ${(Number(at) - noonMs) / 60_000}`), next];
    };
    assert.deepEqual(await found({}), ["s06 1", "s13 1", "s13"]);
    assert.deepEqual(await found({ after: "s13" }), ["s20 1", "s27 1", "s27"]);
    assert.deepEqual(await found({ after: "s27" }), [null]);
    const range = { fromMs: 0, toMs: noonMs + 1 };
    const id = (series: string) => values(series, noonMs).id;
    assert.deepEqual(await found({ range }), ["s06 0", "s13 0", id("s13")]);
    assert.deepEqual(await found({ range, after: id("s13"), limit: 3 }), ["s20 0", "s27 0", null]);
    assert.deepEqual(await found({ series: "s05" }), [null]);
    assert.deepEqual(await found({ series: "s06" }), ["s06 1", null]);
  });

  test("series() gives those with a result of any kind, each once, in the order of their bytes", async (tables) => {
    const all = [
      values("b", noonMs),
      metadata("\u{1f600}", noonMs),
      forecast("\uff5e", noonMs),
      metadata("b", noonMs),
    ];
    await tables.store(batch(0, [...all, values("a", noonMs), values("a", noonMs + 1)]));
    assert.deepEqual(await tables.series(null, 10), ["a", "b", "\uff5e", "\u{1f600}"]);
    assert.deepEqual(await tables.series(null, 3), ["a", "b", "\uff5e"]);
    assert.deepEqual(await tables.series("\uff5e", 10), ["\u{1f600}"]);
  });

  test("hasResultOf() is true for a series with a result of any kind", async (tables) => {
    await tables.store(batch(0, [values("a", noonMs), metadata("b", noonMs), forecast("c", noonMs)]));
    const has = await Promise.all(["a", "b", "c", "d"].map((series) => tables.hasResultOf(series)));
    assert.deepEqual(has, [true, true, true, false]);
  });

  test("page() gives those of a time, each once over all pages", async (tables) => {
    const all = Array.from({ length: 10 }, (_, i) => values("a", noonMs + i * 60_000));
    await tables.store(batch(0, all));
    const query = {
      ...latest,
      span: "1h",
      range: { fromMs: noonMs + 60_000, toMs: noonMs + 9 * 60_000 },
      limit: 3,
    };
    const found: unknown[] = [];
    for (let after: string | null = null;;) {
      const page = await tables.page({ ...query, after });
      found.push(...page.rows.map(({ at }) => at));
      if (page.next === null) break;
      after = page.next;
    }
    assert.deepEqual(found, Array.from({ length: 8 }, (_, i) => noonMs + (i + 1) * 60_000));
  });

  test("page() leaves a result whole whose rows would end behind the page", async (tables) => {
    const all = Array.from({ length: 4 }, (_, i) => values("a", noonMs + i * 60_000));
    await tables.store(batch(0, all));
    const query = { ...latest, range: { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, limit: 3 };
    const first = await tables.page(query);
    const second = await tables.page({ ...query, after: first.next });
    const third = await tables.page({ ...query, after: second.next });
    assert.deepEqual([first.rows.length, second.rows.length, third], [4, 4, { rows: [], next: null }]);
    const found = [...first.rows, ...second.rows].map(({ at, span }) => `${at} ${span}`);
    assert.deepEqual(new Set(found), new Set(all.flatMap(({ at }) => [`${at} 1h`, `${at} 12h`])));
  });

  test("store() keeps ids apart that differ in their last byte alone", async (tables) => {
    const long = "é".repeat(599);
    const twins = ["a", "b"].map((end) => ({ ...values("a", noonMs), id: `${long}x${end}` }));
    assert.ok(twins.every((result) => parseResult(JSON.stringify(result)).ok));
    await tables.store(batch(0, twins));
    const range = { fromMs: 0, toMs: noonMs + 1 };
    assert.equal((await tables.page({ ...latest, range, span: "1h" })).rows.length, 2);
  });

  test("store() puts what queries want into columns of its own", async (tables) => {
    await tables.store(batch(0, [metadata("a", noonMs), forecast("a", noonMs)]));
    const [meta] = (await tables.page({ ...latest, kind: "metadata" })).rows;
    assert.deepEqual(
      [meta?.["stationarity"], meta?.["season_period"], meta?.["season_strength"], meta?.["took_ms"]],
      ["stationary", 24, 0.83, 20],
    );
    assert.equal(JSON.parse(String(meta?.["body"])).autocorrelation.reason, "é");
    const [ahead] = (await tables.page({ ...latest, kind: "forecast" })).rows;
    assert.deepEqual(
      [ahead?.["method"], ahead?.["max_upper95"], ahead?.["avg_value"], ahead?.["mase"]],
      ["theta", 3, 1, 0.7],
    );
  });

  test("store() takes many results that are as large as they may be", async (tables) => {
    const all = Array.from({ length: 20 }, (_, i) => {
      const result = metadata("a", noonMs + i * 60_000);
      // Quoted, it is twice as long.
      return result.kind === "metadata"
        ? {
          ...result,
          metadata: { ...result.metadata, verdict: "'".repeat(250_000), more: "'".repeat(250_000) },
        }
        : result;
    });
    assert.ok(all.every((result) => parseResult(JSON.stringify(result)).ok));
    await tables.store(batch(0, all));
    assert.equal(await tables.position(place), 20);
    const range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
    const { rows } = await tables.page({ ...latest, kind: "metadata", range });
    assert.deepEqual(rows.map(({ body }) => JSON.parse(String(body)).more.length), all.map(() => 250_000));
  });

  test("store() keeps what was refused, and goes on", async (tables) => {
    const refused = [{ position: 1, reason: "it is not JSON", beginning: "{" }];
    await tables.store(batch(0, [values("a", noonMs)], { next: 2, refused }));
    assert.equal(await tables.refusedCount(), 1);
    assert.equal(await tables.position(place), 2);
  });

  test("removeBefore() removes what is older, and that alone", async (tables) => {
    const all = Array.from({ length: 20 }, (_, i) => values("a", noonMs + i * 60_000));
    await tables.store(batch(0, [...all, metadata("a", noonMs), forecast("a", noonMs + 19 * 60_000)]));
    while (await tables.removeBefore(noonMs + 10 * 60_000));
    const range = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER };
    const left = async (kind: ResultQuery["kind"]) =>
      (await tables.page({ ...latest, kind, range })).rows.length;
    assert.deepEqual([await left("values"), await left("metadata"), await left("forecast")], [20, 0, 1]);
  });
}
