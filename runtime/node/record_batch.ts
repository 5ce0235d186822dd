/**
 * Records of one partition of a foreign topic on their way into frames.
 *
 * 1. Each shard gets one piece, a frame of its own, in the order of the offsets. One alone, since of several the first
 *    could fail and a later one not: the shard would take the first for a repeat when it came again.
 * 2. How records are cut into batches does not matter: shards drop repeats by the records' offsets.
 * 3. `send` may be called again when it failed: it hands over the same. Nothing that follows may be sent before.
 */

import type { Json } from "../core/actor.ts";
import { invariant } from "../core/errors.ts";
import { encodeEntries, refusedMarker, senderMarker } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Registry } from "../core/registry.ts";
import { partitionName } from "../core/sequence.ts";
import type { Piece, SendPieces } from "./batch.ts";
import type { RecordBatch } from "./engine.ts";
import { maxPartMessages, maxRecordUnits } from "./limits.ts";

/** What waits for one shard. */
interface Share {
  readonly offsets: number[];
  readonly entries: unknown[];
  /** About how long its text will be. */
  units: number;
}

/** Units of an entry's text besides its id and payload: an estimate. */
const entryUnits = 16;

export class ShardedRecords implements RecordBatch {
  readonly #registry: Registry;
  readonly #topic: string;
  readonly #partition: number;
  readonly #sendPieces: SendPieces;
  readonly #shares: (Share | undefined)[];
  #pieces: readonly Piece[] | null = null;
  /** Where its dead letters go. */
  readonly #home: number;
  #last = -1;
  #size = 0;
  #isFull = false;
  readonly refusals = new Map<string, number>();

  constructor(
    registry: Registry,
    shardCount: number,
    topic: string,
    partition: number,
    sendPieces: SendPieces,
  ) {
    this.#registry = registry;
    this.#topic = topic;
    this.#partition = partition;
    this.#sendPieces = sendPieces;
    this.#shares = new Array(shardCount);
    this.#home = shardOf(partitionName(topic, partition), shardCount);
  }

  get size(): number {
    return this.#size;
  }

  add(offset: number, kind: string, id: string, message: Json, units: number): void {
    const type = this.#registry.indexOf(kind);
    invariant(type >= 0, `Messages are for kinds that are registered, unlike "${kind}"`);
    this.#shareOf(shardOf(id, this.#shares.length), offset, units).push(type, id, message);
  }

  refuse(offset: number, reason: string, detail: string, beginning: string): void {
    const units = detail.length + beginning.length;
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
    this.#shareOf(this.#home, offset, units).push(refusedMarker, reason, [detail, beginning]);
  }

  /** The sender of no message: the least that a frame can carry of a record. */
  note(offset: number): void {
    this.#shareOf(this.#home, offset, 0).push(senderMarker, "", "");
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Where the next entry of this record goes. */
  #shareOf(shard: number, offset: number, units: number): unknown[] {
    invariant(offset >= this.#last, "The offsets of a partition's records never descend");
    this.#last = offset;
    this.#size += 1;
    const share = this.#shares[shard] ??= { offsets: [], entries: [], units: 0 };
    share.offsets.push(offset);
    share.units += units + entryUnits;
    this.#isFull ||= share.units >= maxRecordUnits || share.offsets.length >= maxPartMessages;
    return share.entries;
  }

  #piece(shard: number, { offsets, entries }: Share): Piece {
    return {
      shard,
      types: this.#registry.wireTypes,
      text: encodeEntries(entries),
      messages: offsets.length,
      target: null,
      origin: { type: "source", topic: this.#topic, partition: this.#partition, offsets },
    };
  }

  send(): Promise<void> {
    this.#pieces ??= this.#shares.flatMap((share, shard) =>
      share === undefined ? [] : [this.#piece(shard, share)]
    );
    return this.#sendPieces(this.#pieces, false);
  }
}
