/**
 * Results in the node's MySQL database, over a connection for writing and one for reading.
 *
 * 1. A connection that was lost is opened anew by the next statement; what was under way fails, and whoever asked tries
 *    again.
 */

import { OneByOne } from "../../runtime/core/one_by_one.ts";
import { MySqlConnection } from "../../runtime/store/mysql/connection.ts";
import type { MySqlSettings } from "../../runtime/store/mysql/settings.ts";
import type { Dialect, Sql, SqlRow, SqlValue, Statements } from "./sql.ts";

const dialect: Dialect = {
  key: (bytes) => `VARBINARY(${bytes})`,
  text: "LONGTEXT",
  number: "DOUBLE",
  integer: "BIGINT",
  insertIgnore: "INSERT IGNORE",
  hasInlineIndexes: true,
  // MySQL skips in the index from one series to the next ("loose index scan").
  seriesBehind: (table) =>
    `SELECT series FROM ${table} WHERE series > ? GROUP BY series ORDER BY series LIMIT ?`,
  tableEnd: " ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
};

const decoder = new TextDecoder();

/** Binary columns are keys, which are text. */
function readable(row: SqlRow): SqlRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? decoder.decode(value) : value,
    ]),
  );
}

class Link implements Statements {
  readonly #settings: MySqlSettings;
  #connection: Promise<MySqlConnection> | null = null;

  constructor(settings: MySqlSettings) {
    this.#settings = settings;
  }

  async open(): Promise<MySqlConnection> {
    const known = await this.#connection?.catch(() => null);
    if (known !== null && known !== undefined && !known.isLost) return known;
    this.#connection = MySqlConnection.open(this.#settings);
    return await this.#connection;
  }

  async rows(sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return (await (await this.open()).rows(sql, values)).map(readable);
  }

  async change(sql: string, values: readonly SqlValue[] = []): Promise<number> {
    return await (await this.open()).change(sql, values);
  }

  async close(): Promise<void> {
    (await this.#connection?.catch(() => null))?.destroy();
    this.#connection = null;
  }
}

export class MySqlSql implements Sql {
  readonly dialect = dialect;
  readonly #reading: Link;
  readonly #writing: Link;
  readonly #transactions = new OneByOne();

  constructor(settings: MySqlSettings) {
    this.#reading = new Link(settings);
    this.#writing = new Link(settings);
  }

  rows(sql: string, values: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
    return this.#reading.rows(sql, values);
  }

  change(sql: string, values: readonly SqlValue[] = []): Promise<number> {
    return this.#reading.change(sql, values);
  }

  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#transactions.run(async () => {
      const connection = await this.#writing.open();
      // Of this one alone: a connection opened anew in the middle would not be in the transaction.
      const statements: Statements = {
        rows: async (sql, values = []) => (await connection.rows(sql, values)).map(readable),
        change: (sql, values = []) => connection.change(sql, values),
      };
      await connection.run("START TRANSACTION");
      try {
        const done = await work(statements);
        await connection.run("COMMIT");
        return done;
      } catch (thrown) {
        // The server undoes what a lost connection has begun.
        if (!connection.isLost) await connection.run("ROLLBACK");
        throw thrown;
      }
    });
  }

  async close(): Promise<void> {
    await this.#transactions.ended();
    await Promise.all([this.#reading.close(), this.#writing.close()]);
  }
}
