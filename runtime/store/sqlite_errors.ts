/**
 * SQLite's errors as `StoreError`s: the code decides what the caller does next.
 *
 * Result codes: https://www.sqlite.org/rescode.html
 */

import { errorMessage, InvariantError } from "../core/errors.ts";
import { StoreError, type StoreErrorCode } from "./port.ts";

/** Where the driver leaves out `errcode` (opening, `exec`), only SQLite's English text tells. */
const codesByText: readonly (readonly [text: string, resultCode: number])[] = [
  ["database or disk is full", 13],
  ["database disk image is malformed", 11],
  ["file is not a database", 26],
  ["database is locked", 5],
  ["unable to open database file", 14],
  ["disk I/O error", 10],
  ["attempt to write a readonly database", 8],
];

const CONSTRAINT = 19;

const storeCodes: Readonly<Record<number, StoreErrorCode>> = {
  1: "corrupt", // ERROR: a statement of ours that does not fit the tables found
  5: "unavailable", // BUSY
  6: "unavailable", // LOCKED
  7: "unavailable", // NOMEM
  8: "unavailable", // READONLY
  10: "unavailable", // IOERR; the transaction was rolled back
  11: "corrupt", // CORRUPT
  13: "full", // FULL
  14: "unavailable", // CANTOPEN
  26: "corrupt", // NOTADB
};

/** What whoever reads the sentence can do. */
const advice: Partial<Record<StoreErrorCode, string>> = {
  full: "; free some space on its disk",
  corrupt: "; restore the whole data folder from a backup, or start with another one",
};

/** Of what SQLite says. */
const maxQuote = 200;

/** SQLite's primary result code of `thrown`, or null when it does not come from SQLite. */
function resultCode(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !("code" in thrown) || thrown.code !== "ERR_SQLITE_ERROR") return null;
  if ("errcode" in thrown && typeof thrown.errcode === "number") return thrown.errcode & 0xff;
  return codesByText.find(([text]) => thrown.message.includes(text))?.[1] ?? null;
}

/** Whether SQLite found the disk full. */
export function isFull(thrown: unknown): boolean {
  return storeCodes[resultCode(thrown) ?? 0] === "full";
}

/** `thrown` as the port promises it; `doing` completes "Cannot ...". Others than SQLite's pass unchanged. */
export function sqliteError(thrown: unknown, doing: string): unknown {
  const result = resultCode(thrown);
  if (result === null) return thrown;
  if (result === CONSTRAINT) {
    return new InvariantError(
      `Cannot ${doing}: a row that is written once is there (${errorMessage(thrown)})`,
    );
  }
  const code = storeCodes[result];
  if (code === undefined) return thrown;
  return new StoreError(code, `Cannot ${doing}: ${oneLine(errorMessage(thrown))}${advice[code] ?? ""}`, {
    cause: thrown,
  });
}

/** Of a damaged schema SQLite quotes all that follows. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > maxQuote ? `${line.slice(0, maxQuote)}…` : line;
}

/** Runs `work`, turning what SQLite throws into a `StoreError`. */
export function translated<T>(doing: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw sqliteError(thrown, doing);
  }
}
