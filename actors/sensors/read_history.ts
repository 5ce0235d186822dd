/**
 * The history of an actor with windows, whole: what has left the ring comes from the store, the rest from the actor.
 *
 * 1. It is exact: the ring is asked for first, then a checkpoint is awaited, then the rows are read. What has left the
 *    ring by then is in the rows, and what is still in it counts from the ring.
 */

import { z } from "zod";
import type { Address } from "../../runtime/core/actor.ts";
import type { Store } from "../../runtime/store/port.ts";
import type { HistoryRow } from "../analytics/history.ts";
import type { HistoryResolution } from "../analytics/resolution.ts";
import type { PanesAnswer } from "../analytics/window_answer.ts";

const number = z.number();

/** What the queries `panes` and `minutePanes` answer. */
export const RingAnswer: z.ZodType<PanesAnswer> = z.object({
  stepMs: number,
  isKept: z.boolean(),
  fromMs: number.nullable(),
  channels: z.record(z.string(), z.array(z.tuple([number, number, number, number, number, number]))),
});

/** Epoch milliseconds, `toMs` not included. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** All rows that overlap the range, `page` of them in a read. */
export async function readHistoryRows(
  store: Pick<Store, "history">,
  actor: Address,
  { stepMs, rowMs }: HistoryResolution,
  range: TimeRange,
  page: number,
): Promise<HistoryRow[]> {
  const rows: HistoryRow[] = [];
  let fromMs = Math.floor(range.fromMs / rowMs) * rowMs;
  let limit = page;
  for (;;) {
    const read = await store.history(actor, { stepMs, fromMs, toMs: range.toMs, limit });
    const lastMs = read.at(-1)?.startMs;
    if (lastMs === undefined || read.length < limit) return rows.concat(read);
    // The page may have cut the rows of the last start apart: those are read again, all of them.
    rows.push(...read.filter(({ startMs }) => startMs < lastMs));
    if (lastMs === fromMs) limit *= 2;
    fromMs = lastMs;
  }
}
