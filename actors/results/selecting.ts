/**
 * Pages of what is selected from a list that is read in the order of its keys.
 *
 * 1. A page is full where there is enough that is wanted among `scannedRows`, so that each page takes bounded time; the
 *    next goes on behind the last row that was looked at. Only there a page that is not the last has fewer items than asked
 *    for, or none.
 */

import { compareBytes } from "../../runtime/store/byte_order.ts";
import { scannedRows } from "./limits.ts";

/** Whether a series is wanted. */
export type IsWanted = (series: string) => boolean;

export interface ListReading<T> {
  /** Up to `count` rows behind the key `after`, in order; fewer only at the list's end. */
  read(after: string | null, count: number): Promise<readonly T[]>;
  key(row: T): string;
  series(row: T): string;
  /** How many items of a page a row is. */
  items(row: T): number;
}

export interface Selected<T> {
  readonly rows: readonly T[];
  /** The key of the last row that was looked at; null at the end. */
  readonly next: string | null;
}

/** @param isWanted null: all are */
export async function selectPage<T>(
  list: ListReading<T>,
  isWanted: IsWanted | null,
  from: string | null,
  limit: number,
): Promise<Selected<T>> {
  const rows: T[] = [];
  const count = isWanted === null ? limit : scannedRows;
  const some = await list.read(from, count);
  let items = 0;
  for (const row of some) {
    if (isWanted !== null && !isWanted(list.series(row))) continue;
    rows.push(row);
    items += list.items(row);
    if (items >= limit) return { rows, next: list.key(row) };
  }
  const last = some.at(-1);
  return { rows, next: last === undefined || some.length < count ? null : list.key(last) };
}

/** A list of series that are their own keys. */
export function seriesList(read: ListReading<string>["read"]): ListReading<string> {
  return { read, key: (series) => series, series: (series) => series, items: () => 1 };
}

/** The first `limit` of lists that are in the order of bytes, each series once. */
export function mergedSeries(lists: readonly (readonly string[])[], limit: number): readonly string[] {
  return [...new Set(lists.flat())].sort(compareBytes).slice(0, limit);
}
