/**
 * Values as they come back from the file, checked before anybody believes them: a wrong type or checksum is a
 * `StoreError` "corrupt" that names the row.
 */

import { crc32 } from "node:zlib";
import { StoreError } from "./port.ts";

type Value = unknown;

export function damaged(what: string, found: string): StoreError {
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

/**
 * The checksum of a row: over its key, so that the bytes of one row are not taken for those of another, and its bytes.
 * What may contain a space comes last in the key.
 */
export function rowChecksum(key: string, row: string | Uint8Array): number {
  return crc32(row, crc32(key));
}

/** The blob, when its checksum under its key is the stored one. */
export function checkedBlob(key: string, value: Value, checksum: Value, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw damaged(what, "its bytes are missing");
  const found = rowChecksum(key, value);
  if (found !== checksum) throw damaged(what, `its checksum is ${found}, stored was ${String(checksum)}`);
  return value;
}

/** The text, when its checksum under its key is the stored one. */
export function checkedText(key: string, value: Value, checksum: Value, what: string): string {
  const found = text(value, what);
  const sum = rowChecksum(key, found);
  if (sum !== checksum) throw damaged(what, `its checksum is ${sum}, stored was ${String(checksum)}`);
  return found;
}

/** Compares the checksum of several columns joined into one text. */
export function checkText(joined: string, checksum: Value, what: string): void {
  const found = crc32(joined);
  if (found !== checksum) throw damaged(what, `its checksum is ${found}, stored was ${String(checksum)}`);
}
