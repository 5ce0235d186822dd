/**
 * Results in a SQLite file of their own, beside the node's.
 *
 * It is on the main thread, and a commit waits for the disk: what is stored is trimmed from the log, which would not have
 * it any more after a power cut. That costs 0.4 ms a transaction instead of 0.05, and one has up to 500 results.
 */

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { OneByOne } from "../../runtime/core/one_by_one.ts";
import type { Dialect, Sql, SqlRow, SqlValue, Statements } from "./sql.ts";

const dialect: Dialect = {
  key: () => "TEXT",
  text: "TEXT",
  number: "REAL",
  integer: "INTEGER",
  insertIgnore: "INSERT OR IGNORE",
  hasInlineIndexes: false,
  // Without ANALYZE, SQLite does not skip from one series to the next by itself.
  seriesBehind: (table) =>
    `WITH RECURSIVE found(series) AS (SELECT MIN(series) FROM ${table} WHERE series > ? UNION ALL ` +
    `SELECT (SELECT MIN(series) FROM ${table} WHERE series > found.series) FROM found ` +
    "WHERE found.series IS NOT NULL) SELECT series FROM found WHERE series IS NOT NULL LIMIT ?",
  tableEnd: "",
};

const pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;";

export class SqliteSql implements Sql {
  readonly dialect = dialect;
  readonly #db: DatabaseSync;
  readonly #transactions = new OneByOne();

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(pragmas);
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return Promise.try(() => this.#db.prepare(sql).all(...inputs(values)));
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<number> {
    return Promise.try(() => Number(this.#db.prepare(sql).run(...inputs(values)).changes));
  }

  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#transactions.run(async () => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        const done = await work(this);
        this.#db.exec("COMMIT");
        return done;
      } catch (thrown) {
        this.#db.exec("ROLLBACK");
        throw thrown;
      }
    });
  }

  async close(): Promise<void> {
    await this.#transactions.ended();
    this.#db.close();
  }
}

function inputs(values: readonly SqlValue[]): SQLInputValue[] {
  return [...values];
}
