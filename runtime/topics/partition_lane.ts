/**
 * The records of one partition, from the reader to the log.
 *
 * 1. One batch is on its way at a time, and is tried again until it is durable: nothing is sent before all that lies
 *    below it is. So `durable`, the offset to be committed, skips nothing.
 * 2. What is held is bounded by whoever reads no further while `heldBytes` is above a bound.
 * 3. After `restart` what was held and not sent is forgotten: the reader begins at the offset that it had committed. So
 *    it is after `stop`, and after a failure.
 */

import type { OffsetRange } from "./partition_cursor.ts";

/** Records that were read together; none where only control records were. */
export interface ReadBatch {
  readonly records: readonly ReadRecord[];
  readonly bytes: number;
  /** Offset after the last, control records included. */
  readonly next: number;
  /** Records before them that were removed before they were read; null when none was. */
  readonly removed: OffsetRange | null;
}

export interface ReadRecord {
  readonly offset: number;
  readonly value: Uint8Array | null;
}

export interface LaneParts {
  /** Resolves when the records are durable, or unwanted. Called for one batch at a time. */
  send(batch: ReadBatch, isWanted: () => boolean): Promise<void>;
  /** Less is held. */
  onSent(): void;
  /** `send` threw: nothing is sent any more. */
  onFailed(thrown: unknown): void;
}

export class PartitionLane {
  readonly #parts: LaneParts;
  #queue: ReadBatch[] = [];
  #sending: Promise<void> | null = null;
  #generation = 0;
  #isStopped = false;
  /** Everything below is durable; null before anything is. */
  durable: number | null = null;
  heldBytes = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  add(batch: ReadBatch): void {
    if (this.#isStopped) return;
    this.#queue.push(batch);
    this.heldBytes += batch.bytes;
    this.#sending ??= this.#sendAll();
  }

  /** Resolves when nothing is on its way any more. */
  get rest(): Promise<void> {
    return this.#sending ?? Promise.resolve();
  }

  restart(): void {
    this.#generation++;
    for (const { bytes } of this.#queue) this.heldBytes -= bytes;
    this.#queue = [];
  }

  stop(): void {
    this.#isStopped = true;
    this.restart();
  }

  async #sendAll(): Promise<void> {
    try {
      for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
        await this.#send(batch);
      }
    } catch (thrown) {
      this.stop();
      this.#parts.onFailed(thrown);
    } finally {
      this.#sending = null;
    }
  }

  async #send(batch: ReadBatch): Promise<void> {
    const generation = this.#generation;
    const isWanted = () => generation === this.#generation && !this.#isStopped;
    try {
      await this.#parts.send(batch, isWanted);
      if (isWanted()) this.durable = batch.next;
    } finally {
      this.heldBytes -= batch.bytes;
      this.#parts.onSent();
    }
  }
}
