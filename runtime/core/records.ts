/**
 * Records of a foreign topic that is keyed by id, as a frame: what is folded of them, without a mailbox in between.
 *
 * 1. What becomes of a record depends on the record, the topic and the number of shards alone.
 * 2. Each is a message for each of its items, in their order, or refused; an item is refused alone. Nothing in a record
 *    is worse than a refusal.
 * 3. A message is for the actor whose id is the record's key, and that id is of the shard: anything else is refused.
 */

import type { Json } from "./actor.ts";
import { errorMessage } from "./errors.ts";
import { type ParsedFrame, refusedMarker, Run } from "./frame.ts";
import { hashId, idSeparator } from "./id_hash.ts";
import type { RecordFrame } from "./log_frame.ts";
import { shardOf } from "./murmur2.ts";
import { idProblem, type Registry } from "./registry.ts";
import { partitionName } from "./sequence.ts";

/** Takes what a record is made of. */
export interface RecordSink {
  message(kind: string, id: string, message: Json): void;
  /** `reason`: a short label. */
  refuse(reason: string, detail: string): void;
}

/**
 * Reads the value of a record. It is not called for a record without one, or whose value is not UTF-8. What it throws
 * refuses the record.
 */
export type ReadRecord = (topic: string, value: string, sink: RecordSink) => void;

/** Units of text of a refused record that its dead letter shows. */
const shownUnits = 1000;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Parses the records from offset `from` on. */
export function parseRecords(
  frame: RecordFrame,
  from: number,
  shardCount: number,
  registry: Registry,
): ParsedFrame {
  const parser = new RecordParser(frame, shardCount, registry);
  const { removed, offsets, lengths, bytes } = frame;
  if (removed !== null && removed.last >= from) parser.refuseRemoved(removed);
  const all = decoded(bytes);
  // As many units as bytes: then each unit is a byte, and the places in both are the same.
  const text = all?.length === bytes.length ? all : null;
  for (let record = 0, at = 0; record < offsets.length; record++) {
    const keyLength = lengths[2 * record]!;
    const valueLength = lengths[2 * record + 1]!;
    const keyEnd = at + Math.max(0, keyLength);
    const end = keyEnd + Math.max(0, valueLength);
    if (offsets[record]! >= from) {
      const key = text === null ? decoded(bytes.subarray(at, keyEnd)) : text.slice(at, keyEnd);
      const value = text === null ? decoded(bytes.subarray(keyEnd, end)) : text.slice(keyEnd, end);
      parser.record(
        offsets[record]!,
        keyLength < 0 ? null : key,
        valueLength < 0 ? "absent" : "there",
        value,
      );
    }
    at = end;
  }
  return parser.finish();
}

class RecordParser implements RecordSink {
  readonly #frame: RecordFrame;
  readonly #shardCount: number;
  readonly #registry: Registry;
  readonly #offsets: number[] = [];
  readonly #hashes: number[] = [];
  readonly #ends: number[] = [];
  readonly #runs: Run[] = [];
  // The run that is being gathered.
  #kind = "";
  #type = 0;
  #ids: string[] = [];
  #idUnits = 0;
  #bodies: Json[] = [];
  // The record at hand.
  #offset = -1;
  #key: string | null = null;
  /** Whether its key is an id of the shard; null while nobody knows. */
  #isOfShard: boolean | null = null;
  #value = "";

  constructor(frame: RecordFrame, shardCount: number, registry: Registry) {
    this.#frame = frame;
    this.#shardCount = shardCount;
    this.#registry = registry;
  }

  refuseRemoved({ first, last }: { readonly first: number; readonly last: number }): void {
    const { topic, shard } = this.#frame;
    this.#offset = last;
    this.#value = "";
    const name = partitionName(topic, shard);
    this.refuse("removed", `Records ${first}..${last} of ${name} were removed before they were read`);
  }

  record(offset: number, key: string | null, presence: "absent" | "there", value: string | null): void {
    this.#offset = offset;
    this.#key = key;
    this.#isOfShard = null;
    this.#value = value ?? "";
    if (presence === "absent") return this.refuse("malformed", "The record has no value");
    if (value === null) return this.refuse("malformed", "The record is not UTF-8");
    const read = this.#registry.readRecord;
    if (read === null) return this.refuse("unknown", "This program reads no records");
    const before = this.#offsets.length;
    try {
      read(this.#frame.topic, value, this);
    } catch (thrown) {
      this.refuse("malformed", `The record cannot be read: ${errorMessage(thrown)}`);
    }
    // Each record has a place of its own, so that it is counted as folded.
    if (this.#offsets.length === before) this.refuse("empty", "The record holds nothing");
  }

  message(kind: string, id: string, message: Json): void {
    if (id !== this.#key) return this.#refuseKey(id);
    this.#isOfShard ??= idProblem(id) === null && shardOf(id, this.#shardCount) === this.#frame.shard;
    if (!this.#isOfShard) return this.#refusePartition(id);
    if (kind !== this.#kind) {
      this.#endRun();
      this.#kind = kind;
      this.#type = this.#registry.indexOf(kind);
      if (this.#type < 0) throw new Error(`there is no kind "${kind}"`);
    }
    this.#ids.push(id);
    this.#bodies.push(message);
    this.#add(this.#idUnits += id.length, hashId(id));
    this.#idUnits += idSeparator.length;
  }

  #refuseKey(id: string): void {
    const key = this.#key === null ? "no key" : `the key ${JSON.stringify(this.#key.slice(0, 100))}`;
    const { topic } = this.#frame;
    this.refuse(
      "wrong-key",
      `The record is about ${JSON.stringify(id.slice(0, 100))} and has ${key}; ` +
        `records of ${topic} are keyed by id`,
    );
  }

  #refusePartition(id: string): void {
    const { topic, shard } = this.#frame;
    this.refuse(
      "wrong-partition",
      idProblem(id) ??
        `The key ${JSON.stringify(id.slice(0, 100))} belongs to partition ${
          shardOf(id, this.#shardCount)
        } of ${topic}, by Kafka's default partitioner, and the record is in partition ${shard}`,
    );
  }

  refuse(reason: string, detail: string): void {
    this.#endRun();
    const body = [detail, this.#value.slice(0, shownUnits)];
    this.#runs.push(new Run(refusedMarker, reason, [body], this.#offsets.length));
    this.#add(0, 0);
  }

  /** An entry of the record at hand. */
  #add(end: number, hash: number): void {
    this.#offsets.push(this.#offset);
    this.#ends.push(end);
    this.#hashes.push(hash);
  }

  #endRun(): void {
    const count = this.#bodies.length;
    this.#kind = "";
    if (count === 0) return;
    const first = this.#offsets.length - count;
    this.#runs.push(new Run(this.#type, this.#ids.join(idSeparator), this.#bodies, first));
    this.#ids = [];
    this.#idUnits = 0;
    this.#bodies = [];
  }

  finish(): ParsedFrame {
    this.#endRun();
    const { topic, shard } = this.#frame;
    const count = this.#offsets.length;
    return {
      origin: { type: "source", topic, partition: shard, offsets: this.#offsets },
      types: this.#registry.wireTypes,
      runs: this.#runs,
      count,
      ends: Int32Array.from(this.#ends),
      hashes: Int32Array.from(this.#hashes),
      contexts: null,
    };
  }
}
