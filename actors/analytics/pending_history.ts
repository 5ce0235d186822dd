/**
 * History that waits in an actor's memory for its next checkpoint.
 *
 * 1. Everything that was kept is handed over exactly once, by the next `handOver`.
 */

import type { ByteWriter } from "../../runtime/core/bytes.ts";
import type { HistorySink } from "../../runtime/core/state.ts";
import { encodeHistoryChunk, type HistoryChannel } from "./history.ts";
import { paneTypes } from "./pane_codec.ts";
import { addValue, emptyPane, type Pane } from "./pane.ts";
import { type HistoryResolution, rowOfMinute } from "./resolution.ts";

interface Finished {
  readonly stepMs: number;
  readonly startMs: number;
  readonly row: Uint8Array;
}

/** A row's increments: by channel, the panes of the row. */
type IncrementRow = Map<string, (Pane | null)[]>;

/** Rough heap cost of an incremental pane with its place in the map. */
const incrementBytes = 200;

export class PendingHistory {
  #finished: Finished[] = [];
  /** Increments by resolution, then by the row's index. */
  readonly #increments = new Map<HistoryResolution, Map<number, IncrementRow>>();
  #incrementCount = 0;

  get bytes(): number {
    const rows = this.#finished.reduce((sum, { row }) => sum + row.length + 64, 0);
    return rows + this.#incrementCount * incrementBytes;
  }

  /** Keeps the final row of a span that is about to leave the ring's panes of that resolution. */
  keep({ stepMs }: HistoryResolution, startMs: number, row: Uint8Array): void {
    this.#finished.push({ stepMs, startMs, row });
  }

  /** Counts a value of a row that can no longer be put as a whole. */
  add(resolution: HistoryResolution, minute: number, channel: string, value: number): void {
    const { minutes, panesPerRow } = resolution;
    const index = rowOfMinute(resolution, minute);
    const row = this.#rowOf(resolution, index);
    let panes = row.get(channel);
    if (panes === undefined) row.set(channel, panes = new Array(panesPerRow).fill(null));
    const place = Math.floor(minute / minutes) - index * panesPerRow;
    let pane = panes[place] ?? null;
    if (pane === null) {
      panes[place] = pane = emptyPane();
      this.#incrementCount++;
    }
    addValue(pane, value);
  }

  #rowOf(resolution: HistoryResolution, index: number): IncrementRow {
    let rows = this.#increments.get(resolution);
    if (rows === undefined) this.#increments.set(resolution, rows = new Map());
    let row = rows.get(index);
    if (row === undefined) rows.set(index, row = new Map());
    return row;
  }

  handOver(history: HistorySink, scratch: ByteWriter): void {
    for (const { stepMs, startMs, row } of this.#finished) history.put(stepMs, startMs, row);
    this.#finished = [];
    for (const [resolution, rows] of this.#increments) {
      const { stepMs, rowMs } = resolution;
      for (const [index, row] of [...rows].sort(([a], [b]) => a - b)) {
        history.add(stepMs, index * rowMs, encodeHistoryChunk(resolution, channelsOf(row), scratch));
      }
    }
    this.#increments.clear();
    this.#incrementCount = 0;
  }
}

function channelsOf(row: IncrementRow): HistoryChannel[] {
  return [...row].map(([name, panes]) => ({ name, type: paneTypes.numeric, constant: 0, panes }));
}
