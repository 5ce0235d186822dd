/**
 * The tables of results, made for those who query them by SQL, too.
 *
 * 1. `store` is one transaction: results, what was refused, and the partition's next offset. It is guarded by that offset:
 *    whoever read a record that another one has stored meanwhile stores nothing. So each record counts once.
 * 2. A result whose id is there is left as it is.
 * 3. Rows go when they are older than the retention, so many at a time.
 *
 *     metric_values     a row for each window of a result: series, at, span, max, min, avg, std, count
 *     metric_metadata   series, at, verdict, stationarity, first season; all of it in `body`
 *     metric_forecasts  series, at, method, the horizon's max, min, avg with intervals; all of it in `body`
 *     metric_refused    records that are no results: topic, part, record_offset, reason, beginning
 *     metric_positions  topic, part, next_offset
 */

import {
  deletedAtOnce,
  insertedAtOnce,
  insertedUnits,
  maxIdBytes,
  maxRefused,
  maxSeriesBytes,
  readAtOnce,
} from "./limits.ts";
import type { Result, ResultKind } from "./result.ts";
import { type IsWanted, mergedSeries, selectPage, seriesList } from "./selecting.ts";
import type { Dialect, Sql, SqlRow, SqlValue, Statements } from "./sql.ts";

export interface Place {
  readonly topic: string;
  readonly part: number;
}

export interface Refused {
  readonly position: number;
  readonly reason: string;
  readonly beginning: string;
}

/** Records of one partition, from `from` on. */
export interface ResultBatch {
  readonly place: Place;
  readonly from: number;
  readonly next: number;
  readonly results: readonly Result[];
  readonly refused: readonly Refused[];
}

/** Somebody else has stored records of this partition: what to go on with is asked for anew. */
export class StalePosition extends Error {
  override readonly name = "StalePosition";
}

const tables: Readonly<Record<ResultKind, string>> = {
  values: "metric_values",
  metadata: "metric_metadata",
  forecast: "metric_forecasts",
};

/** What tells of places in the topic, not of series. */
export const placeTables = ["metric_refused", "metric_positions"] as const;

/** Results by series and time; by time alone, for what is too old. */
const resultIndexes = { by_series: "series, at", by_time: "at" } as const;

function resultTable(dialect: Dialect, name: string, ...parts: readonly string[]): readonly string[] {
  const indexes = Object.entries(resultIndexes).map(([index, columns]) =>
    [`${name}_${index}`, columns] as const
  );
  const { tableEnd, hasInlineIndexes } = dialect;
  const inline = hasInlineIndexes ? indexes.map(([index, columns]) => `KEY ${index} (${columns})`) : [];
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (${[...parts, ...inline].join(", ")})${tableEnd}`,
    ...hasInlineIndexes
      ? []
      : indexes.map(([index, columns]) => `CREATE INDEX IF NOT EXISTS ${index} ON ${name} (${columns})`),
  ];
}

const extremeColumns = ["max", "min", "avg"].flatMap((name) =>
  ["value", "lower80", "upper80", "lower95", "upper95"].map((part) => `${name}_${part}`)
);

function definitions(dialect: Dialect): readonly string[] {
  const { key, text, number, integer, tableEnd } = dialect;
  const common = [
    `id ${key(maxIdBytes)} NOT NULL`,
    `series ${key(maxSeriesBytes)} NOT NULL`,
    `at ${integer} NOT NULL`,
  ];
  const numbers = (...names: readonly string[]) => names.map((name) => `${name} ${number}`);
  const place = [`topic ${key(255)} NOT NULL`, `part ${integer} NOT NULL`];
  return [
    ...resultTable(
      dialect,
      tables.values,
      ...common,
      `span ${key(8)} NOT NULL`,
      `from_ms ${integer} NOT NULL`,
      `to_ms ${integer} NOT NULL`,
      `count ${integer} NOT NULL`,
      ...numbers("max", "min", "avg", "std", "took_ms"),
      "PRIMARY KEY (id, span)",
    ),
    ...resultTable(
      dialect,
      tables.metadata,
      ...common,
      `verdict ${text} NOT NULL`,
      `stationarity ${key(32)}`,
      `season_period ${integer}`,
      ...numbers("season_strength", "took_ms"),
      `body ${text} NOT NULL`,
      "PRIMARY KEY (id)",
    ),
    ...resultTable(
      dialect,
      tables.forecast,
      ...common,
      `method ${text} NOT NULL`,
      `start_ms ${integer} NOT NULL`,
      `step_ms ${integer} NOT NULL`,
      ...numbers(...extremeColumns, "mase", "took_ms"),
      `body ${text} NOT NULL`,
      "PRIMARY KEY (id)",
    ),
    `CREATE TABLE IF NOT EXISTS metric_refused (${
      [
        ...place,
        `record_offset ${integer} NOT NULL`,
        `reason ${text} NOT NULL`,
        `beginning ${text} NOT NULL`,
        "PRIMARY KEY (topic, part, record_offset)",
      ].join(", ")
    })${tableEnd}`,
    `CREATE TABLE IF NOT EXISTS metric_positions (${
      [...place, `next_offset ${integer} NOT NULL`, "PRIMARY KEY (topic, part)"].join(", ")
    })${tableEnd}`,
  ];
}

interface Row {
  readonly table: string;
  readonly values: Readonly<Record<string, SqlValue>>;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** `value.a.b`, where it is there. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const part of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, part);
  }
  return found;
}

function rowsOf(result: Result): readonly Row[] {
  const { kind, id, series, at: atMs, tookMs } = result;
  const table = tables[kind];
  const common = { id, series, at: atMs, took_ms: tookMs };
  switch (kind) {
    case "values":
      return Object.entries(result.windows).map(([span, { from, to, count, max, min, avg, std }]) => ({
        table,
        values: { ...common, span, from_ms: from, to_ms: to, count, max, min, avg, std },
      }));
    case "metadata": {
      const { metadata } = result;
      const stationarity = at(metadata.stationarity, "value", "verdict");
      const season = at(metadata.seasonality, "value", "seasons", 0);
      return [{
        table,
        values: {
          ...common,
          verdict: metadata.verdict,
          stationarity: typeof stationarity === "string" ? stationarity : null,
          season_period: numberOf(at(season, "period")),
          season_strength: numberOf(at(season, "strength")),
          body: JSON.stringify(metadata),
        },
      }];
    }
    case "forecast": {
      const { forecast } = result;
      const { method, startMs, stepMs } = forecast;
      const extremes = (["max", "min", "avg"] as const).flatMap((name) =>
        Object.entries(forecast[name]).map(([part, value]) => [`${name}_${part}`, value] as const)
      );
      return [{
        table,
        values: {
          ...common,
          method,
          start_ms: startMs,
          step_ms: stepMs,
          ...Object.fromEntries(extremes),
          mase: numberOf(forecast["mase"]),
          body: JSON.stringify(forecast),
        },
      }];
    }
  }
}

/** Which results are wanted. */
export interface ResultQuery {
  readonly kind: ResultKind;
  /** Null: of all series. */
  readonly series: string | null;
  /** Of `series` null: which are wanted; null: all. A page is filled as `selecting.ts` says. */
  readonly isWanted: IsWanted | null;
  /** Null: the last of each series only. */
  readonly range: { readonly fromMs: number; readonly toMs: number } | null;
  /** Of values: one window only. */
  readonly span: string | null;
  /** `next` of the page before. */
  readonly after: string | null;
  readonly limit: number;
}

export interface ResultPage {
  readonly rows: readonly SqlRow[];
  readonly next: string | null;
}

export class ResultTables {
  readonly #sql: Sql;

  private constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Makes the tables that are missing. `sql` is closed with them, or when that fails. */
  static async open(sql: Sql): Promise<ResultTables> {
    try {
      for (const statement of definitions(sql.dialect)) await sql.change(statement);
    } catch (thrown) {
      await sql.close();
      throw thrown;
    }
    return new ResultTables(sql);
  }

  /** Where reading of a partition goes on; null: nothing of it was stored. */
  async position({ topic, part }: Place): Promise<number | null> {
    const [row] = await this.#sql.rows(
      "SELECT next_offset FROM metric_positions WHERE topic = ? AND part = ?",
      [
        topic,
        part,
      ],
    );
    return row === undefined ? null : Number(row["next_offset"]);
  }

  /** Throws `StalePosition`. */
  async store({ place: { topic, part }, from, next, results, refused }: ResultBatch): Promise<void> {
    const { insertIgnore } = this.#sql.dialect;
    await this.#sql.transaction(async (statements) => {
      await statements.change(
        `${insertIgnore} INTO metric_positions (topic, part, next_offset) VALUES (?, ?, ?)`,
        [topic, part, from],
      );
      const moved = await statements.change(
        "UPDATE metric_positions SET next_offset = ? WHERE topic = ? AND part = ? AND next_offset = ?",
        [next, topic, part, from],
      );
      if (moved !== 1) {
        throw new StalePosition(`Records of ${topic}/${part} from ${from} on are stored already`);
      }
      const refusedRows = refused.map(({ position, reason, beginning }): Row => ({
        table: "metric_refused",
        values: { topic, part, record_offset: position, reason, beginning },
      }));
      await insert(statements, insertIgnore, [...results.flatMap(rowsOf), ...refusedRows]);
    });
  }

  /** The last of each series, series in order; of a range, all of it in the order of ids, each series' oldest first. */
  async page(query: ResultQuery): Promise<ResultPage> {
    return query.range === null ? await this.#latest(query) : await this.#within(query, query.range);
  }

  async #latest({ kind, series, isWanted, span, after, limit }: ResultQuery): Promise<ResultPage> {
    const table = tables[kind];
    const { rows: names, next } = series === null
      ? await selectPage(
        seriesList((...behind) => this.#seriesBehind(table, ...behind)),
        isWanted,
        after,
        limit,
      )
      : { rows: isWanted?.(series) === false ? [] : [series], next: null };
    const rows: SqlRow[] = [];
    for (const name of names) {
      const own = await this.#sql.rows(
        `SELECT * FROM ${table} WHERE series = ? AND at = (SELECT MAX(at) FROM ${table} WHERE series = ?)` +
          (span === null ? "" : " AND span = ?"),
        [name, name, ...span === null ? [] : [span]],
      );
      rows.push(...own);
    }
    return { rows, next };
  }

  async #within(
    { kind, series, isWanted, span, after, limit }: ResultQuery,
    { fromMs, toMs }: NonNullable<ResultQuery["range"]>,
  ): Promise<ResultPage> {
    const filters: readonly (readonly [condition: string, value: SqlValue | null])[] = [
      ["at >= ?", fromMs],
      ["at < ?", toMs],
      ["series = ?", series],
      ["span = ?", span],
    ];
    const given = filters.filter(([, value]) => value !== null);
    const conditions = given.map(([condition]) => condition).join(" AND ");
    const values = given.map(([, value]) => value);
    // A result of several rows is on one page: the next one begins behind its id.
    const results = {
      read: (behind: string | null, count: number) =>
        this.#sql.rows(
          `SELECT id, MIN(series) AS series, COUNT(*) AS count FROM ${tables[kind]} WHERE ${conditions} ` +
            "AND id > ? GROUP BY id ORDER BY id LIMIT ?",
          [...values, behind ?? "", count],
        ),
      key: ({ id }: SqlRow) => String(id),
      series: ({ series }: SqlRow) => String(series),
      items: ({ count }: SqlRow) => Number(count),
    };
    const selected = await selectPage(results, isWanted, after, limit);
    const order = `ORDER BY id${kind === "values" ? ", span" : ""}`;
    const rows: SqlRow[] = [];
    for (let at = 0; at < selected.rows.length; at += readAtOnce) {
      const ids = selected.rows.slice(at, at + readAtOnce).map(results.key);
      rows.push(
        ...await this.#sql.rows(
          `SELECT * FROM ${tables[kind]} WHERE id IN (${
            ids.map(() => "?").join(", ")
          }) AND ${conditions} ${order}`,
          [...ids, ...values],
        ),
      );
    }
    return { rows, next: selected.next };
  }

  async #seriesBehind(table: string, after: string | null, count: number): Promise<readonly string[]> {
    const rows = await this.#sql.rows(this.#sql.dialect.seriesBehind(table), [after ?? "", count]);
    return rows.map(({ series }) => String(series));
  }

  /** Series with a result of any kind, in the order of their bytes, those behind `after`. */
  async series(after: string | null, limit: number): Promise<readonly string[]> {
    const lists = await Promise.all(
      Object.values(tables).map((table) => this.#seriesBehind(table, after, limit)),
    );
    return mergedSeries(lists, limit);
  }

  /** Whether there is a result of any kind. */
  async hasResultOf(series: string): Promise<boolean> {
    for (const table of Object.values(tables)) {
      const rows = await this.#sql.rows(`SELECT 1 AS found FROM ${table} WHERE series = ? LIMIT 1`, [series]);
      if (rows.length > 0) return true;
    }
    return false;
  }

  async refusedCount(): Promise<number> {
    const [row] = await this.#sql.rows("SELECT COUNT(*) AS count FROM metric_refused");
    return Number(row?.["count"] ?? 0);
  }

  /** Deletes what is older; whether there may be more. */
  async removeBefore(atMs: number): Promise<boolean> {
    let isMore = false;
    for (const table of Object.values(tables)) {
      const [row] = await this.#sql.rows(
        `SELECT MAX(at) AS at FROM (SELECT at FROM ${table} WHERE at < ? ORDER BY at LIMIT ?) AS old`,
        [atMs, deletedAtOnce],
      );
      const upTo = row?.["at"];
      if (upTo === null || upTo === undefined) continue;
      const removed = await this.#sql.change(`DELETE FROM ${table} WHERE at <= ?`, [Number(upTo)]);
      isMore ||= removed >= deletedAtOnce;
    }
    await this.#removeRefused();
    return isMore;
  }

  async #removeRefused(): Promise<void> {
    const counts = await this.#sql.rows(
      "SELECT topic, part, COUNT(*) AS count FROM metric_refused GROUP BY topic, part",
    );
    for (const { topic, part, count } of counts) {
      const excess = Number(count) - maxRefused;
      if (excess <= 0) continue;
      const place: SqlValue[] = [String(topic), Number(part)];
      const [row] = await this.#sql.rows(
        "SELECT MAX(record_offset) AS last FROM (SELECT record_offset FROM metric_refused " +
          "WHERE topic = ? AND part = ? ORDER BY record_offset LIMIT ?) AS old",
        [...place, excess],
      );
      await this.#sql.change(
        "DELETE FROM metric_refused WHERE topic = ? AND part = ? AND record_offset <= ?",
        [
          ...place,
          Number(row?.["last"] ?? -1),
        ],
      );
    }
  }

  async close(): Promise<void> {
    await this.#sql.close();
  }
}

/** So many rows that one statement has room for them. */
function* portions(rows: readonly Row[]): Iterable<readonly Row[]> {
  let some: Row[] = [];
  let units = 0;
  for (const row of rows) {
    const size = Object.values(row.values).reduce<number>(
      (sum, value) => sum + (typeof value === "string" ? value.length : 0),
      0,
    );
    if (some.length === insertedAtOnce || (some.length > 0 && units + size > insertedUnits)) {
      yield some;
      some = [];
      units = 0;
    }
    some.push(row);
    units += size;
  }
  if (some.length > 0) yield some;
}

/** Rows of one table have the same columns, in the same order. */
async function insert(statements: Statements, insertIgnore: string, rows: readonly Row[]): Promise<void> {
  for (const [table, of] of Map.groupBy(rows, ({ table }) => table)) {
    for (const some of portions(of)) {
      const names = Object.keys(some[0]?.values ?? {});
      const places = `(${names.map(() => "?").join(", ")})`;
      await statements.change(
        `${insertIgnore} INTO ${table} (${names.join(", ")}) VALUES ${some.map(() => places).join(", ")}`,
        some.flatMap(({ values }) => Object.values(values)),
      );
    }
  }
}
