/** Makes a checkpoint of what a fold changed since the last one. */

import type { ActorEntry } from "./actor_table.ts";
import { encodeSnapshotHead, nextDueMs } from "./actor_table.ts";
import { ByteWriter, type PackedRows } from "./bytes.ts";
import {
  type Checkpoint,
  type HistoryBatch,
  MAILBOX,
  type Positions,
  type SnapshotBatch,
} from "./checkpoint.ts";
import type { Fold } from "./fold.ts";
import type { HistorySink } from "./state.ts";

/** Rows written one after another into one buffer. */
class RowWriter {
  readonly out = new ByteWriter(4096);
  readonly ends: number[] = [];

  endRow(): void {
    this.ends.push(this.out.length);
  }

  finish(): PackedRows {
    return { bytes: this.out.take(), ends: this.ends };
  }
}

class HistoryWriter implements HistorySink {
  readonly #commit: number;
  readonly #rows = new RowWriter();
  readonly #kinds: string[] = [];
  readonly #ids: string[] = [];
  readonly #stepMs: number[] = [];
  readonly #startMs: number[] = [];
  readonly #parts: number[] = [];
  #entry: ActorEntry | null = null;

  constructor(commit: number) {
    this.#commit = commit;
  }

  begin(entry: ActorEntry): void {
    this.#entry = entry;
  }

  put(stepMs: number, startMs: number, row: Uint8Array): void {
    this.#row(stepMs, startMs, 0, row);
  }

  add(stepMs: number, startMs: number, row: Uint8Array): void {
    this.#row(stepMs, startMs, this.#commit, row);
  }

  #row(stepMs: number, startMs: number, part: number, row: Uint8Array): void {
    if (this.#entry === null) return;
    this.#kinds.push(this.#entry.address.kind);
    this.#ids.push(this.#entry.address.id);
    this.#stepMs.push(stepMs);
    this.#startMs.push(startMs);
    this.#parts.push(part);
    this.#rows.out.raw(row);
    this.#rows.endRow();
  }

  get bytes(): number {
    return this.#rows.out.length;
  }

  finish(): HistoryBatch {
    return {
      kinds: this.#kinds,
      ids: this.#ids,
      stepMs: this.#stepMs,
      startMs: this.#startMs,
      parts: this.#parts,
      rows: this.#rows.finish(),
    };
  }
}

/** Writes the snapshots of `entries`: the cold row first where it is due and there is room, then the hot one. */
function captureSnapshots(
  entries: readonly ActorEntry[],
  nowMs: number,
  maxColdBytes: number,
  history: HistoryWriter,
): SnapshotBatch {
  const hot = new RowWriter();
  const cold = new RowWriter();
  const kinds: string[] = [];
  const ids: string[] = [];
  const dueMs: (number | null)[] = [];
  const coldOf: number[] = [];
  for (const entry of entries) {
    const { state } = entry.definition;
    history.begin(entry);
    const hasRoom = cold.out.length + history.bytes < maxColdBytes;
    const isColdDue = entry.needsCold || (hasRoom && state.cold?.isDue(entry.state, nowMs) === true);
    if (state.cold !== undefined && isColdDue) {
      state.cold.encode(entry.state, cold.out, history, nowMs);
      cold.endRow();
      coldOf.push(kinds.length);
      entry.needsCold = false;
    }
    encodeSnapshotHead(entry, hot.out);
    state.encode(entry.state, hot.out, history);
    hot.endRow();
    kinds.push(entry.address.kind);
    ids.push(entry.address.id);
    dueMs.push(nextDueMs(entry));
  }
  return { kinds, ids, dueMs, hot: hot.finish(), coldOf, cold: cold.finish() };
}

export interface CaptureOptions {
  readonly shard: number;
  readonly epoch: number;
  /** Positions of the foreign topics and of the mailbox. */
  readonly positions: Positions;
  readonly keyRetentionMs: number;
  readonly maxColdBytes: number;
}

/** Takes everything that changed out of `fold` and into a checkpoint. Only at a turn's boundary. */
export function capture(fold: Fold, options: CaptureOptions): Checkpoint {
  const commit = fold.nextCommit;
  const { clockMs } = fold;
  const history = new HistoryWriter(commit);
  for (const entry of fold.changed) fold.table.weigh(entry);
  const snapshots = captureSnapshots(fold.changed, clockMs, options.maxColdBytes, history);
  const outbox = fold.outbox.capture();
  fold.keys.expire(clockMs);
  const checkpoint: Checkpoint = {
    shard: options.shard,
    epoch: options.epoch,
    commit,
    positions: options.positions,
    memory: { clockMs, ...fold.sequences.memory(clockMs), outbox: fold.outbox.numbers() },
    snapshots,
    history: history.finish(),
    outbox,
    outboxDone: fold.outbox.takeDone(),
    deadLetters: fold.deadLetters,
    keys: fold.keys.takeIncrement(clockMs),
    keysBeforeMs: clockMs - options.keyRetentionMs,
  };
  fold.changed = [];
  fold.deadLetters = [];
  fold.nextCommit = commit + 1;
  return checkpoint;
}

/** Positions with the mailbox's replaced. */
export function withMailbox(positions: Positions, offset: number, index: number): Positions {
  return { ...positions, [MAILBOX]: { offset, index } };
}
