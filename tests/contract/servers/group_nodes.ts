/** Nodes as far as their group goes: each reads the shards that it is given, and notes when what came. */

import assert from "node:assert/strict";
import type { Agreement } from "../../../runtime/core/cluster.ts";
import type { LogFrame } from "../../../runtime/core/log_frame.ts";
import type { KafkaLog } from "../../../runtime/log/kafka/kafka_log.ts";
import type { MailboxLog, Subscription } from "../../../runtime/log/port.ts";
import { within } from "../../services/within.ts";
import { openKafkaLog, type TestLogOptions } from "./kafka_logs.ts";

const plenty = 1 << 30;

/** Agreements as they come, and waiting for one. */
export class Agreements {
  readonly all: Agreement[] = [];
  readonly #waiting = new Set<() => void>();

  readonly hear = (agreement: Agreement): void => {
    this.all.push(agreement);
    for (const check of this.#waiting) check();
  };

  get own(): readonly number[] {
    return this.all.at(-1)?.own ?? [];
  }

  /** Until it has so many shards. */
  async count(shards: number, deadlineMs?: number): Promise<void> {
    let check = () => {};
    const reached = new Promise<void>((resolve) => {
      check = () => this.own.length === shards ? resolve() : undefined;
    });
    this.#waiting.add(check);
    check();
    await within(`${shards} shards to be agreed, instead of ${this.own}`, reached, deadlineMs);
    this.#waiting.delete(check);
  }
}

/** What one subscription delivered, and when. */
export class Reading {
  readonly offsets: number[] = [];
  /** The longest time between two deliveries since `begin`. */
  pauseMs = 0;
  #lastMs = performance.now();
  #delivered = () => {};
  subscription: Subscription | null = null;

  constructor(readonly shard: number) {}

  deliver(offsets: readonly number[]): void {
    const nowMs = performance.now();
    this.pauseMs = Math.max(this.pauseMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.offsets.push(...offsets);
    this.#delivered();
  }

  /** Until something is delivered. */
  async goesOn(what: string): Promise<void> {
    const delivered = Promise.withResolvers<void>();
    this.#delivered = delivered.resolve;
    await within(what, delivered.promise);
  }

  /** Until all below `end` is delivered: each once, in order. */
  async reaches(end: number): Promise<void> {
    while (this.offsets.length < end) await this.goesOn(`frames ${this.offsets.length}..${end - 1}`);
    assert.deepEqual(this.offsets, this.offsets.map((_, place) => place));
    assert.equal(this.offsets.length, end);
  }

  begin(): void {
    this.pauseMs = 0;
    this.#lastMs = performance.now();
  }
}

export class GroupNode {
  readonly agreements = new Agreements();
  /** Of the shards that it has. */
  readonly readings = new Map<number, Reading>();
  readonly name: string;
  readonly #subscribing = new Set<Promise<void>>();
  #log: KafkaLog | null = null;

  private constructor(name: string) {
    this.name = name;
  }

  static async open(name: string, options: TestLogOptions, dead: readonly string[] = []): Promise<GroupNode> {
    const node = new GroupNode(name);
    const onAgreed = (agreement: Agreement) => {
      node.agreements.hear(agreement);
      if (node.#log !== null) node.#read(node.#log);
    };
    node.#log = await openKafkaLog({ ...options, member: { name, url: `http://${name}`, dead }, onAgreed });
    node.#read(node.#log);
    return node;
  }

  get log(): KafkaLog {
    if (this.#log === null) throw new Error(`${this.name} is not open`);
    return this.#log;
  }

  get own(): readonly number[] {
    return this.agreements.own;
  }

  async close(): Promise<void> {
    while (this.#subscribing.size > 0) await Promise.all(this.#subscribing);
    this.readings.clear();
    const agreements = this.agreements.all.length;
    await this.log.close();
    assert.equal(this.agreements.all.length, agreements, "one that leaves hears of no agreement");
  }

  /** Begins what it gained, ends what it lost, and leaves alone what it kept. */
  #read(log: MailboxLog): void {
    for (const [shard, { subscription }] of this.readings) {
      if (this.own.includes(shard)) continue;
      subscription?.close();
      this.readings.delete(shard);
    }
    for (const shard of this.own) {
      if (this.readings.has(shard)) continue;
      const reading = new Reading(shard);
      this.readings.set(shard, reading);
      const subscribing = this.#subscribe(log, reading).finally(() => this.#subscribing.delete(subscribing));
      this.#subscribing.add(subscribing);
    }
  }

  async #subscribe(log: MailboxLog, reading: Reading): Promise<void> {
    const deliver = (frames: readonly LogFrame[]) => reading.deliver(frames.map(({ offset }) => offset));
    reading.subscription = await log.subscribe(reading.shard, 0, deliver);
    if (this.readings.get(reading.shard) === reading) reading.subscription.grant(plenty);
    else reading.subscription.close();
  }
}
