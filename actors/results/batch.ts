/** From records to what is stored of them. */

import { maxResultBytes, refusedBytes } from "./limits.ts";
import { type ParsedResult, parseResult, type Result } from "./result.ts";
import type { Place, Refused, ResultBatch } from "./tables.ts";

export interface TopicRecord {
  readonly position: number;
  /** Null: there is nothing in it. */
  readonly value: Uint8Array | null;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const anyText = new TextDecoder();

function parseValue(value: Uint8Array | null): ParsedResult {
  if (value === null) return { ok: false, reason: "it is empty" };
  if (value.length > maxResultBytes) {
    return { ok: false, reason: `it has ${value.length} bytes, and ${maxResultBytes} are the most` };
  }
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return { ok: false, reason: "it is not UTF-8" };
  }
  return parseResult(text);
}

export function batchOf(
  place: Place,
  from: number,
  next: number,
  records: readonly TopicRecord[],
): ResultBatch {
  const results: Result[] = [];
  const refused: Refused[] = [];
  for (const { position, value } of records) {
    if (position < from) continue;
    const parsed = parseValue(value);
    if (parsed.ok) results.push(parsed.result);
    else {
      const beginning = value === null ? "" : anyText.decode(value.subarray(0, refusedBytes));
      refused.push({ position, reason: parsed.reason, beginning });
    }
  }
  return { place, from, next, results, refused };
}
