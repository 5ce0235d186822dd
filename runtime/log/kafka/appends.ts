/**
 * The way into the topic: an idempotent producer with one send in flight.
 *
 * 1. Appends are sent in the order they came, one group at a time; what comes meanwhile is the next group. Frames of
 *    one partition in a group are one batch, so their offsets are dense.
 * 2. A send that is repeated by the library has the same producer id and sequence numbers, so the brokers write it
 *    once. It is repeated until `sendDeadlineMs`; then its appends fail as "unknown".
 * 3. After a send that failed, its producer sends nothing more: its next batch would have the sequence numbers of the
 *    failed one, and could be taken for a repeat of it: acknowledged and not written. A new producer takes over.
 * 4. What waits behind a failed send fails as "unavailable" and is not written. So no frame overtakes one before it
 *    that its caller is about to repeat; receivers would take the repeat for an old one and drop it. What the failed
 *    producer still has on its way may be written later, and a second time: receivers drop that by its number.
 * 5. While no broker answers, appends fail at once as "unavailable"; they are taken again by themselves.
 */

import type { Kafka, Producer, RecordMetadata } from "kafkajs";
import { Fifo } from "../../core/fifo.ts";
import { hasSettled, orLate } from "../../rpc.ts";
import { type AppendReceipt, LogError, type NewFrame } from "../port.ts";
import { unavailable, waitingSentence } from "./errors.ts";
import {
  closeDeadlineMs,
  closeSendMs,
  maxAppendBytes,
  queuedBytes,
  reconnectMs,
  retries,
  sendBytes,
  sendDeadlineMs,
  stalledAfterMs,
} from "./limits.ts";
import type { KafkaSettings } from "./settings.ts";

interface WaitingAppend {
  readonly frames: readonly NewFrame[];
  readonly bytes: number;
  resolve(receipts: readonly AppendReceipt[]): void;
  reject(error: LogError): void;
}

export interface AppendsParts {
  readonly kafka: Kafka;
  readonly settings: KafkaSettings;
  readonly topic: string;
  /** Hears what is waited for; null when it works again. */
  waiting(sentence: string | null): void;
}

export class KafkaAppends {
  readonly #parts: AppendsParts;
  readonly #queue = new Fifo<WaitingAppend>();
  #queuedBytes = 0;
  #producer: Producer | null = null;
  #sending: Promise<void> | null = null;
  /** Being sent. */
  #group: readonly WaitingAppend[] = [];
  #giveUp: ((error: Error) => void) | null = null;
  /** Why nothing is taken now. */
  #down: string | null = null;
  #succeededMs = -Infinity;
  #reconnecting: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;

  constructor(parts: AppendsParts) {
    this.#parts = parts;
  }

  /** Makes the first producer. */
  async open(): Promise<void> {
    this.#producer = await this.#connect();
  }

  /** When a send succeeded last, on the clock of `performance.now`. */
  get succeededMs(): number {
    return this.#succeededMs;
  }

  async append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    const bytes = frames.reduce((sum, { text }) => sum + text.length, 0);
    if (bytes > maxAppendBytes) {
      throw new LogError("refused", `Cannot append ${bytes} bytes at once; ${maxAppendBytes} are the most.`);
    }
    if (this.#down !== null) throw new LogError("unavailable", this.#down);
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > queuedBytes) {
      throw new LogError(
        "unavailable",
        `Cannot append ${bytes} bytes: ${this.#queuedBytes} bytes already wait for Kafka, and ${queuedBytes} ` +
          `may; append more slowly.`,
      );
    }
    this.#queuedBytes += bytes;
    return await new Promise((resolve, reject) => {
      this.#queue.push({ frames, bytes, resolve, reject });
      this.#sending ??= this.#sendAll();
    });
  }

  /** Sends what waits, then ends; what is not sent by `closeSendMs` fails. Resolves to how many appends that are. */
  async close(): Promise<number> {
    this.#isClosed = true;
    if (this.#reconnecting !== null) clearTimeout(this.#reconnecting);
    let unsent = 0;
    if (this.#sending !== null && !await hasSettled(this.#sending, closeSendMs)) {
      unsent = this.#group.length + this.#queue.length;
      this.#giveUp?.(new Error(`it has not taken messages for ${closeSendMs} ms, and the log closes`));
      await this.#sending;
    }
    if (this.#producer !== null) await hasSettled(this.#producer.disconnect(), closeDeadlineMs);
    return unsent;
  }

  async #sendAll(): Promise<void> {
    // What is appended in the same turn of the event loop belongs to the first group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) await this.#sendGroup(this.#takeGroup());
    this.#sending = null;
  }

  #takeGroup(): WaitingAppend[] {
    const group: WaitingAppend[] = [];
    let bytes = 0;
    for (let next = this.#queue.at(0); next !== undefined; next = this.#queue.at(0)) {
      if (group.length > 0 && bytes + next.bytes > sendBytes) break;
      this.#queue.shift();
      group.push(next);
      bytes += next.bytes;
    }
    this.#queuedBytes -= bytes;
    return group;
  }

  async #sendGroup(group: readonly WaitingAppend[]): Promise<void> {
    const producer = this.#producer;
    const stalled = setTimeout(() => this.#stall(), stalledAfterMs);
    const givenUp = Promise.withResolvers<never>();
    this.#group = group;
    this.#giveUp = givenUp.reject;
    try {
      if (producer === null) throw new LogError("unavailable", this.#down ?? "Kafka has no producer.");
      const bases = await orLate(
        Promise.race([this.#send(producer, group.flatMap(({ frames }) => frames)), givenUp.promise]),
        sendDeadlineMs,
        () => new LogError("unknown", `Kafka has not answered within ${sendDeadlineMs} ms`),
      );
      for (const { frames, resolve } of group) resolve(frames.map(({ shard }) => nextReceipt(bases, shard)));
      this.#succeededMs = performance.now();
      if (this.#down !== null) this.#recover();
    } catch (thrown) {
      this.#fail(group, thrown);
    } finally {
      clearTimeout(stalled);
      this.#giveUp = null;
    }
  }

  /** Resolves to where each partition's batch begins. */
  async #send(producer: Producer, frames: readonly NewFrame[]): Promise<Map<number, AppendReceipt>> {
    const bases = new Map<number, AppendReceipt>();
    // The library leaves out a partition whose leader moved to a broker that has answered already: what has no
    // receipt was not written under its sequence number, or is recognised by it.
    for (let left = frames; left.length > 0; left = left.filter(({ shard }) => !bases.has(shard))) {
      const messages = left.map(({ shard, text }) => ({ partition: shard, value: text }));
      const written = await producer.send({ topic: this.#parts.topic, messages, acks: -1 });
      for (const metadata of written) bases.set(metadata.partition, baseOf(metadata));
      if (written.length === 0) throw new Error("The brokers lead none of the partitions");
    }
    return bases;
  }

  /** The send under way goes on; nothing more is taken. */
  #stall(): void {
    const error = new Error(`it has not taken messages for ${stalledAfterMs} ms`);
    this.#halt(waitingSentence(error, this.#parts.settings));
  }

  #halt(sentence: string): void {
    this.#down = sentence;
    this.#parts.waiting(sentence);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      next.reject(new LogError("unavailable", sentence));
    }
    this.#queuedBytes = 0;
  }

  #recover(): void {
    this.#down = null;
    this.#parts.waiting(null);
  }

  #fail(group: readonly WaitingAppend[], thrown: unknown): void {
    const sentence = waitingSentence(thrown, this.#parts.settings);
    const isUnsent = thrown instanceof LogError && thrown.code === "unavailable";
    const error = isUnsent ? thrown : new LogError("unknown", sentence, { cause: thrown });
    for (const { reject } of group) reject(error);
    this.#halt(sentence);
    this.#producer?.disconnect().catch(() => {});
    this.#producer = null;
    void this.#reconnect();
  }

  /** Until there is a producer again. */
  async #reconnect(): Promise<void> {
    this.#reconnecting = null;
    if (this.#isClosed) return;
    try {
      const producer = await this.#connect();
      if (this.#isClosed) return void producer.disconnect().catch(() => {});
      this.#producer = producer;
      this.#recover();
    } catch (thrown) {
      this.#halt(unavailable(thrown, this.#parts.settings).message);
      this.#reconnecting = setTimeout(() => this.#reconnect(), reconnectMs);
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#parts.kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      retry: retries,
      createPartitioner: () => ({ message }) => message.partition ?? 0,
    });
    try {
      await producer.connect();
      return producer;
    } catch (thrown) {
      producer.disconnect().catch(() => {});
      throw thrown;
    }
  }
}

function baseOf({ baseOffset = "", logAppendTime = "" }: RecordMetadata): AppendReceipt {
  return { offset: Number(baseOffset), stampMs: Number(logAppendTime) };
}

function nextReceipt(bases: Map<number, AppendReceipt>, shard: number): AppendReceipt {
  const receipt = bases.get(shard);
  if (receipt === undefined) throw new LogError("unknown", `Kafka gave no receipt for shard ${shard}.`);
  bases.set(shard, { ...receipt, offset: receipt.offset + 1 });
  return receipt;
}
