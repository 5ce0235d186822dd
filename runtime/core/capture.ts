/** Makes a checkpoint of what a fold changed since the last one. */

import type { Address } from "./actor.ts";
import type { ActorEntry } from "./actor_table.ts";
import { actorKey, encodeSnapshotHead, nextDueMs } from "./actor_table.ts";
import { ByteWriter, type PackedRows } from "./bytes.ts";
import type { Attempts } from "./attempts.ts";
import type { Checkpoint, HistoryBatch, Positions, SnapshotBatch } from "./checkpoint.ts";
import { errorMessage } from "./errors.ts";
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

/** Writes the snapshots of the actors that changed: the cold row first where it is due and there is room, then the hot one. */
function captureSnapshots(
  { table, turns: { changed, clockMs } }: Fold,
  maxColdBytes: number,
  history: HistoryWriter,
): SnapshotBatch {
  const hot = new RowWriter();
  const cold = new RowWriter();
  const kinds: string[] = [];
  const ids: string[] = [];
  const dueMs: (number | null)[] = [];
  const coldOf: number[] = [];
  const encode = (entry: ActorEntry) => {
    const { state } = entry.definition;
    table.weigh(entry);
    history.begin(entry);
    const hasRoom = cold.out.length + history.bytes < maxColdBytes;
    const isColdDue = entry.needsCold || (hasRoom && state.cold?.isDue(entry.state, clockMs) === true);
    if (state.cold !== undefined && isColdDue) {
      state.cold.encode(entry.state, cold.out, history, clockMs);
      cold.endRow();
      coldOf.push(kinds.length);
      entry.needsCold = false;
    }
    encodeSnapshotHead(entry, hot.out);
    state.encode(entry.state, hot.out, history);
    hot.endRow();
  };
  for (const entry of changed) {
    try {
      encode(entry);
    } catch (thrown) {
      throw new StateError(entry.address, thrown);
    }
    kinds.push(entry.address.kind);
    ids.push(entry.address.id);
    dueMs.push(nextDueMs(entry));
  }
  return { kinds, ids, dueMs, hot: hot.finish(), coldOf, cold: cold.finish() };
}

/** The state of one actor cannot be saved. */
export class StateError extends Error {
  override readonly name = "StateError";
  constructor(readonly address: Address, cause: unknown) {
    super(`The state of ${actorKey(address)} cannot be saved: ${errorMessage(cause)}`, { cause });
  }
}

interface CaptureOptions {
  readonly shard: number;
  readonly epoch: number;
  /** Positions of the foreign topics and of the mailbox. */
  readonly positions: Positions;
  readonly attempts: Attempts | null;
  readonly keyRetentionMs: number;
  readonly maxColdBytes: number;
}

/**
 * Takes everything that changed out of `fold` and into a checkpoint. Only at a turn's boundary. Throws a `StateError`
 * when an actor's state cannot be saved; the fold is unusable then.
 */
export function capture(fold: Fold, options: CaptureOptions): Checkpoint {
  const commit = fold.turns.nextCommit;
  const { clockMs } = fold.turns;
  const history = new HistoryWriter(commit);
  const snapshots = captureSnapshots(fold, options.maxColdBytes, history);
  const outbox = fold.turns.outbox.capture();
  fold.keys.expire(clockMs);
  const checkpoint: Checkpoint = {
    shard: options.shard,
    epoch: options.epoch,
    commit,
    positions: options.positions,
    memory: {
      clockMs,
      ...fold.sequences.memory(clockMs),
      outbox: fold.turns.outbox.numbers(),
      requests: fold.requests.lastNumber,
      attempts: options.attempts,
      suspended: Object.fromEntries(fold.turns.suspended),
    },
    snapshots,
    history: history.finish(),
    outbox,
    outboxDone: fold.turns.outbox.takeDone(),
    requests: fold.requests.capture(),
    requestsDone: fold.requests.takeDone(),
    deadLetters: fold.turns.deadLetters,
    replayed: fold.replayed,
    keys: fold.keys.takeIncrement(clockMs),
    keysBeforeMs: clockMs - options.keyRetentionMs,
  };
  fold.turns.changed = [];
  fold.turns.deadLetters = [];
  fold.replayed = [];
  fold.turns.nextCommit = commit + 1;
  return checkpoint;
}
