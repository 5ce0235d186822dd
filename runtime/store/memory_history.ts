/** History rows in memory; the guarantees are those of `history_rows.ts`. */

import type { Address } from "../core/actor.ts";
import { packedRow } from "../core/bytes.ts";
import type { HistoryBatch } from "../core/checkpoint.ts";
import { invariant } from "../core/errors.ts";
import type { RowRange, StoredHistoryRow } from "./port.ts";

interface Row extends StoredHistoryRow {
  readonly stepMs: number;
}

export class MemoryHistory {
  /** By actor, then by step, start and part. */
  readonly #actors = new Map<string, Map<string, Row>>();

  /** Throws when an increment is there already. */
  checkNew({ kinds, ids, stepMs, startMs, parts }: HistoryBatch): void {
    const added = new Set<string>();
    parts.forEach((part, index) => {
      if (part === 0) return;
      const actor = `${kinds[index]!}/${ids[index]!}`;
      const key = `${stepMs[index]!}/${startMs[index]!}/${part}`;
      const isNew = !added.has(`${key}/${actor}`) && this.#actors.get(actor)?.has(key) !== true;
      invariant(isNew, `Increment ${part} of ${actor}, step ${stepMs[index]!}, is written once`);
      added.add(`${key}/${actor}`);
    });
  }

  write({ kinds, ids, stepMs, startMs, parts, rows }: HistoryBatch): void {
    ids.forEach((id, index) => {
      const actor = `${kinds[index]!}/${id}`;
      let history = this.#actors.get(actor);
      if (history === undefined) this.#actors.set(actor, history = new Map());
      const row: Row = {
        stepMs: stepMs[index]!,
        startMs: startMs[index]!,
        part: parts[index]!,
        row: packedRow(rows, index).slice(),
      };
      history.set(`${row.stepMs}/${row.startMs}/${row.part}`, row);
    });
  }

  read({ kind, id }: Address, { stepMs, fromMs, toMs, limit }: RowRange): StoredHistoryRow[] {
    return [...(this.#actors.get(`${kind}/${id}`)?.values() ?? [])]
      .filter((row) => row.stepMs === stepMs && row.startMs >= fromMs && row.startMs < toMs)
      .sort((a, b) => a.startMs - b.startMs || a.part - b.part)
      .slice(0, limit)
      .map(({ startMs, part, row }) => ({ startMs, part, row: row.slice() }));
  }

  expire(beforeMs: number, limit: number): number {
    const expired: { history: Map<string, Row>; key: string; startMs: number }[] = [];
    for (const history of this.#actors.values()) {
      for (const [key, { startMs }] of history) {
        if (startMs < beforeMs) expired.push({ history, key, startMs });
      }
    }
    const oldest = expired.sort((a, b) => a.startMs - b.startMs).slice(0, limit);
    for (const { history, key } of oldest) history.delete(key);
    return oldest.length;
  }
}
