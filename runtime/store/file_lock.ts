/**
 * Keeps a store's file to one owner: its own connections share it, so SQLite's lock of the file cannot.
 *
 * The lock is SQLite's, of an empty file beside the store: the system gives it back when the process ends, however
 * that is, and it holds between threads as between processes.
 */

import { DatabaseSync } from "node:sqlite";
import { openWaitMs } from "./limits.ts";
import { StoreError } from "./port.ts";
import { translated } from "./sqlite_errors.ts";

export class FileLock {
  readonly #db: DatabaseSync;

  /** Throws a `StoreError` "unavailable" when another owner does not end in time. */
  constructor(path: string) {
    this.#db = translated(`open the store ${path}`, () => new DatabaseSync(`${path}.lock`));
    try {
      translated(`open the store ${path}`, () => {
        this.#db.exec(`PRAGMA busy_timeout = ${openWaitMs}; PRAGMA journal_mode = MEMORY`);
        this.#db.prepare("BEGIN EXCLUSIVE").run();
      });
    } catch (cause) {
      this.#db.close();
      const isBusy = cause instanceof StoreError && cause.code === "unavailable";
      if (!isBusy) throw cause;
      throw new StoreError("unavailable", `Cannot open the store ${path}: another program has it open`, {
        cause,
      });
    }
  }

  release(): void {
    this.#db.close();
  }
}
