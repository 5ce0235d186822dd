/**
 * History that waits in an actor's memory for its next checkpoint.
 *
 * 1. Everything that was kept is handed over exactly once, by the next `handOver`.
 */

import type { ByteWriter } from "../../runtime/core/bytes.ts";
import type { HistorySink } from "../../runtime/core/state.ts";
import {
  encodeHistoryChunk,
  type HistoryChannel,
  historySpanMs,
  historyStepMs,
  panesPerChunk,
} from "./history.ts";
import { paneTypes } from "./pane_codec.ts";
import { addValue, emptyPane, type Pane } from "./pane.ts";

interface Finished {
  readonly startMs: number;
  readonly row: Uint8Array;
}

/** Rough heap cost of an incremental pane with its place in the map. */
const incrementBytes = 200;

export class PendingHistory {
  #finished: Finished[] = [];
  /** Increments by five-minute index, then by channel. */
  readonly #increments = new Map<number, Map<string, Pane>>();
  #incrementCount = 0;

  get bytes(): number {
    const rows = this.#finished.reduce((sum, { row }) => sum + row.length + 64, 0);
    return rows + this.#incrementCount * incrementBytes;
  }

  /** Keeps the final row of an hour that is about to leave the ring's five-minute panes. */
  keep(startMs: number, row: Uint8Array): void {
    this.#finished.push({ startMs, row });
  }

  /** Counts a value of an hour that can no longer be put as a whole. */
  add(five: number, channel: string, value: number): void {
    let panes = this.#increments.get(five);
    if (panes === undefined) this.#increments.set(five, panes = new Map());
    let pane = panes.get(channel);
    if (pane === undefined) {
      panes.set(channel, pane = emptyPane());
      this.#incrementCount++;
    }
    addValue(pane, value);
  }

  handOver(history: HistorySink, scratch: ByteWriter): void {
    for (const { startMs, row } of this.#finished) history.put(historyStepMs, startMs, row);
    this.#finished = [];
    const byHour = Map.groupBy(
      [...this.#increments.keys()].sort((a, b) => a - b),
      (five) => Math.floor(five / panesPerChunk),
    );
    for (const [hour, fives] of byHour) {
      history.add(
        historyStepMs,
        hour * historySpanMs,
        encodeHistoryChunk(this.#channelsOf(hour, fives), scratch),
      );
    }
    this.#increments.clear();
    this.#incrementCount = 0;
  }

  #channelsOf(hour: number, fives: readonly number[]): HistoryChannel[] {
    const channels = new Map<string, (Pane | null)[]>();
    for (const five of fives) {
      for (const [name, pane] of this.#increments.get(five)!) {
        let panes = channels.get(name);
        if (panes === undefined) channels.set(name, panes = new Array(panesPerChunk).fill(null));
        panes[five - hour * panesPerChunk] = pane;
      }
    }
    return [...channels].map(([name, panes]) => ({ name, type: paneTypes.numeric, constant: 0, panes }));
  }
}
