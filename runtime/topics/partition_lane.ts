/**
 * The records of one partition, from the reader to the log.
 *
 * 1. One batch is on its way at a time, and is tried again until it is durable: nothing is sent before all that lies
 *    below it is. So `durable`, the offset to be committed, skips nothing.
 * 2. What is held is bounded by whoever pauses the partition while `heldBytes` is above its bound.
 * 3. After `restart` what was held and not sent is forgotten: the reader begins at the offset that it had committed.
 */

/** Records that were read together. */
export interface ReadBatch {
  readonly records: readonly ReadRecord[];
  readonly bytes: number;
  /** Offset after the last, control records included. */
  readonly next: number;
  /** Records before them that were removed before they were read; null when none was. */
  readonly removed: { readonly first: number; readonly last: number } | null;
}

export interface ReadRecord {
  readonly offset: number;
  readonly value: Uint8Array | null;
}

export interface LaneParts {
  /** Resolves when the records are durable. Called for one batch at a time. */
  send(batch: ReadBatch, isWanted: () => boolean): Promise<void>;
  /** More can be held. */
  onSent(): void;
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
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      const generation = this.#generation;
      const isWanted = () => generation === this.#generation && !this.#isStopped;
      await this.#parts.send(batch, isWanted);
      if (isWanted()) this.durable = batch.next;
      this.heldBytes -= batch.bytes;
      this.#parts.onSent();
    }
    this.#sending = null;
  }
}
