/**
 * Reads a shard's log for one subscription: frames arrive in order, within the credit, in batches of chance.
 *
 * 1. One that stands before what the log still has ends, and says so; so does one that begins there.
 */

import type { LogFrame } from "../core/log_frame.ts";
import type { Party } from "./network.ts";
import type { World } from "./world.ts";

const mostFramesPerBatch = 6;

/** Whose log is read. */
export interface Subscriber extends Party {
  readonly shard: number;
  deliver(reader: Reader, frames: readonly LogFrame[]): void;
  /** The log does not have the frame that comes next. */
  ended(reader: Reader): void;
}

export class Reader {
  readonly epoch: number;
  #next: number;
  #creditBytes = 0;
  /** Batches arrive in order: not before this time. */
  #arrivesMs = 0;
  #isReading = false;
  #isClosed = false;
  readonly #world: World;
  readonly #subscriber: Subscriber;

  constructor(world: World, subscriber: Subscriber, epoch: number, from: number) {
    this.#world = world;
    this.#subscriber = subscriber;
    this.epoch = epoch;
    this.#next = from;
  }

  /** Nothing more is read; what is on its way still comes. */
  close(): void {
    this.#isClosed = true;
  }

  grant(bytes: number): void {
    this.#creditBytes += bytes;
    this.wake();
  }

  /** There may be something new in the log. */
  wake(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#subscriber.process.after(this.#world.network.legMs(), () => this.#read());
  }

  #read(): void {
    this.#isReading = false;
    const { agenda, log, prng, network } = this.#world;
    const subscriber = this.#subscriber;
    if (this.#isClosed || !subscriber.isAlive || this.#creditBytes <= 0) return;
    const silenceMs = network.links.silenceMs(subscriber.process.slot, "log");
    if (silenceMs > 0) {
      this.#isReading = true;
      subscriber.process.after(silenceMs, () => this.#read());
      return;
    }
    if (this.#next < log.extent(subscriber.shard).begin) {
      subscriber.ended(this);
      return;
    }
    const frames = log.read(subscriber.shard, this.#next, this.#creditBytes)
      .slice(0, prng.range(1, mostFramesPerBatch));
    if (frames.length === 0) return;
    this.#next += frames.length;
    for (const { text } of frames) this.#creditBytes -= text.length;
    this.#arrivesMs = Math.max(this.#arrivesMs, agenda.nowMs + network.legMs());
    subscriber.process.after(this.#arrivesMs - agenda.nowMs, () => {
      if (subscriber.isAlive) subscriber.deliver(this, frames);
    });
    if (this.#next < log.extent(subscriber.shard).end) this.wake();
  }
}
