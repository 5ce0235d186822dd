/** Many rows in few statements, each under the size that a packet may have. */

import type { MySqlConnection, Value } from "./connection.ts";
import { statementBytes, statementRows } from "./limits.ts";

function bytesOf(row: readonly Value[]): number {
  // A UTF-16 unit is at most three bytes of UTF-8.
  return row.reduce<number>(
    (sum, value) =>
      sum + (typeof value === "string" ? 3 * value.length : value instanceof Uint8Array ? value.length : 8),
    0,
  );
}

/** How many rows from `from` on go into one statement: a power of two, and at least one. */
function sizeAt(rows: readonly (readonly Value[])[], from: number): number {
  let fitting = 0;
  for (let bytes = 0; fitting < statementRows && from + fitting < rows.length; fitting++) {
    bytes += bytesOf(rows[from + fitting]!);
    if (fitting > 0 && bytes > statementBytes) break;
  }
  return 2 ** Math.floor(Math.log2(fitting));
}

export class Batch {
  readonly #head: string;
  readonly #tail: string;
  readonly #columns: number;

  /** `update`: what becomes of a row that is there; without it, there must be none. */
  constructor(table: string, columns: readonly string[], update: readonly string[] | null = null) {
    this.#head = `INSERT INTO ${table} (${columns.join()}) VALUES `;
    this.#tail = update === null ? "" : ` ON DUPLICATE KEY UPDATE ${update.join()}`;
    this.#columns = columns.length;
  }

  /** How many rows were added, plus two for each that was changed. */
  async write(connection: MySqlConnection, rows: readonly (readonly Value[])[]): Promise<number> {
    const one = `(${Array(this.#columns).fill("?").join()})`;
    let affected = 0;
    for (let from = 0; from < rows.length;) {
      const size = sizeAt(rows, from);
      const sql = this.#head + Array(size).fill(one).join() + this.#tail;
      affected += await connection.write(sql, rows.slice(from, from + size).flat());
      from += size;
    }
    return affected;
  }
}

/** Sets each of `columns` to the value that was to be inserted. `VALUES()` is what both MySQL and MariaDB know. */
export function renewed(...columns: readonly string[]): string[] {
  return columns.map((column) => `${column} = VALUES(${column})`);
}
