/** From records to what is stored of them. */

import { maxResultBytes, refusedUnits } from "./limits.ts";
import { parseResult, type Result } from "./result.ts";
import type { Place, Refused, ResultBatch } from "./tables.ts";

export interface TopicRecord {
  readonly position: number;
  /** Null: there is nothing in it. */
  readonly text: string | null;
}

export function batchOf(
  place: Place,
  from: number,
  next: number,
  records: readonly TopicRecord[],
): ResultBatch {
  const results: Result[] = [];
  const refused: Refused[] = [];
  for (const { position, text } of records) {
    if (position < from) continue;
    if (text === null || text.length > maxResultBytes) {
      const reason = text === null ? "it is empty" : `it is larger than ${maxResultBytes} bytes`;
      refused.push({ position, reason, beginning: text?.slice(0, refusedUnits) ?? "" });
      continue;
    }
    const parsed = parseResult(text);
    if (parsed.ok) results.push(parsed.result);
    else refused.push({ position, reason: parsed.reason, beginning: text.slice(0, refusedUnits) });
  }
  return { place, from, next, results, refused };
}
