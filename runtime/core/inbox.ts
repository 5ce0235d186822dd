/**
 * What a shard has been given to fold, by topic: its mailbox and the foreign topics that it folds directly.
 *
 * 1. A frame is folded to its end before one of another topic begins, after a claim too: no turn stands between others.
 * 2. The topics take turns of `turnUnits`, those that have nothing are passed over.
 * 3. Numbers of frames ascend within each topic, in the order of arrival over all.
 */

import { MAILBOX, type Positions } from "./checkpoint.ts";
import type { Delivery } from "./log_frame.ts";
import { type Arrival, type Decode, FrameQueue, type WorkFrame } from "./work.ts";

/** A frame or two: the topics advance side by side, and what a frame brings into the processor's caches is used. */
const turnUnits = 256 * 1024;

export class Inbox {
  readonly mailbox: FrameQueue;
  readonly queues: readonly FrameQueue[];
  #nextNumber: number;
  /** Index of the queue whose turn it is. */
  #at = 0;
  #unitsInTurn = 0;

  /** @param topics the foreign ones */
  constructor(topics: readonly string[], positions: Positions, firstNumber: number, decode: Decode) {
    this.queues = [MAILBOX, ...topics].map((topic) => {
      const { offset, index } = positions[topic] ?? { offset: -1, index: 0 };
      return new FrameQueue(topic, { offset: offset + 1, index }, decode);
    });
    this.mailbox = this.queues[0]!;
    this.#nextNumber = firstNumber;
    this.#at = Math.max(0, this.queues.findIndex(({ isAmidst }) => isAmidst));
  }

  /** The number that the next frame will get: greater than that of every frame at hand. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** The least number of a frame at hand; `nextNumber` when there is none. */
  get oldestNumber(): number {
    return this.queues.reduce(
      (least, queue) => Math.min(least, queue.peek()?.number ?? Infinity),
      this.#nextNumber,
    );
  }

  get length(): number {
    return this.queues.reduce((sum, { length }) => sum + length, 0);
  }

  get hasRecords(): boolean {
    return this.length > this.mailbox.length;
  }

  /** A frame or record of any topic is folded in part. */
  get isAmidst(): boolean {
    return this.queues.some(({ isAmidst }) => isAmidst);
  }

  of(topic: string): FrameQueue | undefined {
    return this.queues.find((queue) => queue.topic === topic);
  }

  deliver(source: Delivery): Arrival {
    const queue = this.of(source.topic);
    if (queue === undefined) return { type: "repeated" };
    const arrival = queue.deliver(source, this.#nextNumber);
    if (arrival.type === "taken") this.#nextNumber++;
    return arrival;
  }

  /** The frame at hand, or one after it in its topic. */
  peek(ahead = 0): WorkFrame | undefined {
    return this.queues[this.#at]!.peek(ahead);
  }

  /** Lets the next topic have its turn, where one may. `mayFoldRecords`: or else only the mailbox has turns. */
  turn(mayFoldRecords: boolean): void {
    const { queues } = this;
    if (queues[this.#at]!.isAmidst) return;
    const isAllowed = (at: number) => queues[at]!.length > 0 && (at === 0 || mayFoldRecords);
    if (isAllowed(this.#at) && this.#unitsInTurn < turnUnits) return;
    for (let step = 1; step <= queues.length; step++) {
      const at = (this.#at + step) % queues.length;
      if (!isAllowed(at)) continue;
      this.#unitsInTurn = 0;
      this.#at = at;
      return;
    }
    // Nothing may be folded.
    this.#at = 0;
  }

  /** The frame at hand is folded. Answers its queue. */
  shift(): FrameQueue {
    const queue = this.queues[this.#at]!;
    this.#unitsInTurn += queue.peek()?.size ?? 0;
    queue.shift();
    return queue;
  }
}
