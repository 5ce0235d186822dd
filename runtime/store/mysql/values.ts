/** Values as they come back from the server, checked before anybody believes them: what does not fit is "corrupt". */

import { StoreError } from "../port.ts";

export function damaged(what: string, found: string): StoreError {
  return new StoreError(
    "corrupt",
    `Cannot read ${what}: ${found}. The database was changed by another program, or is damaged; restore it from a backup`,
  );
}

export function integer(value: unknown, what: string): number {
  if (typeof value === "number") return value;
  throw damaged(what, "a number is missing");
}

export function integerOrNull(value: unknown, what: string): number | null {
  return value === null ? null : integer(value, what);
}

export function text(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw damaged(what, "a text is missing");
}

export function textOrNull(value: unknown, what: string): string | null {
  return value === null ? null : text(value, what);
}

/** A copy of its own: the driver's bytes are part of a packet. */
export function bytes(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  throw damaged(what, "its bytes are missing");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A key's column is binary, so that keys compare byte by byte. */
export function key(value: unknown, what: string): string {
  if (!(value instanceof Uint8Array)) throw damaged(what, "a key is missing");
  try {
    return decoder.decode(value);
  } catch {
    throw damaged(what, "a key is not UTF-8");
  }
}

/** A JSON object as this program wrote it; nobody but its author says of which type. */
export function json<T extends object>(value: unknown, what: string): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(value, what));
  } catch (thrown) {
    if (thrown instanceof StoreError) throw thrown;
    throw damaged(what, "it is not JSON");
  }
  if (typeof parsed === "object" && parsed !== null) return parsed as T;
  throw damaged(what, "it is not a JSON object");
}

/** A number that stands in a statement's text: prepared or not, servers want a LIMIT to be one. */
export function limitOf(limit: number): number {
  return Math.max(0, Math.trunc(limit));
}
