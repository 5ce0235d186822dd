/**
 * Values as they come back from the file, checked before anybody believes them: a wrong type or checksum is a
 * `StoreError` "corrupt" that names the row.
 */

import { crc32 } from "node:zlib";
import { StoreError } from "./port.ts";

type Value = unknown;

function damaged(what: string, found: string): StoreError {
  return new StoreError(
    "corrupt",
    `Cannot read ${what}: ${found}. The store's file is damaged; restore the whole data folder from a backup`,
  );
}

export function integer(value: Value, what: string): number {
  if (typeof value === "number") return value;
  throw damaged(what, `a number is missing`);
}

export function integerOrNull(value: Value, what: string): number | null {
  return value === null ? null : integer(value, what);
}

export function text(value: Value, what: string): string {
  if (typeof value === "string") return value;
  throw damaged(what, `a text is missing`);
}

export function textOrNull(value: Value, what: string): string | null {
  return value === null ? null : text(value, what);
}

/** The blob, when its checksum is the stored one. */
export function checkedBlob(value: Value, checksum: Value, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw damaged(what, "its bytes are missing");
  const found = crc32(value);
  if (found !== checksum) throw damaged(what, `its checksum is ${found}, stored was ${String(checksum)}`);
  return value;
}

/** The text, when its checksum is the stored one. */
export function checkedText(value: Value, checksum: Value, what: string): string {
  const found = text(value, what);
  checkText(found, checksum, what);
  return found;
}

/** Compares the checksum of several columns joined into one text. */
export function checkText(joined: string, checksum: Value, what: string): void {
  const found = crc32(joined);
  if (found !== checksum) throw damaged(what, `its checksum is ${found}, stored was ${String(checksum)}`);
}
