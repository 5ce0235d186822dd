/**
 * A database as results need it: MySQL or SQLite. Statements are written once; what the two call by other names is in
 * the dialect.
 */

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, unknown>>;

export interface Statements {
  rows(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** How many rows it changed. */
  change(sql: string, values?: readonly SqlValue[]): Promise<number>;
}

export interface Dialect {
  /** Of text that is compared byte by byte. */
  key(bytes: number): string;
  readonly text: string;
  readonly number: string;
  readonly integer: string;
  /** Begins an insert that leaves rows alone which are there. */
  readonly insertIgnore: string;
  /** Whether indexes stand in the statement that makes their table. */
  readonly hasInlineIndexes: boolean;
  /** Reads the series of a table behind one, in order, each once, without reading all their rows: `[behind, limit]`. */
  seriesBehind(table: string): string;
  /** Ends a statement that makes a table. */
  readonly tableEnd: string;
}

export interface Sql extends Statements {
  readonly dialect: Dialect;
  /** All of what `work` does, or nothing. One at a time. */
  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
