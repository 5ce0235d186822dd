/**
 * Frames from one shard to others.
 *
 * 1. Numbers are dense per target, given out at the checkpoint that contains the frame.
 * 2. A frame is handed over for sending only after that checkpoint is confirmed, in order per target, one at a
 *    time: the next only when the target's log has acknowledged the one before.
 * 3. `isFull` becomes true at `maxUnackedFrames`; the shard then stops folding, so the outbox stays bounded by
 *    that and the sends of one turn.
 */

import type { Address, Json } from "./actor.ts";
import type { OutboxFrame } from "./checkpoint.ts";
import { encodeEntries, joinFrame, senderMarker, type WireType } from "./frame.ts";

/** Messages for one target, gathered since the last checkpoint. */
interface Gathering {
  readonly pieces: string[];
  sender: Address | null;
}

interface Lane {
  /** Confirmed and not acknowledged, ascending. */
  readonly frames: OutboxFrame[];
  isSending: boolean;
}

export interface OutboxOptions {
  readonly source: number;
  readonly types: readonly WireType[];
  readonly maxUnackedFrames: number;
  readonly maxFrameMessages: number;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #numbers: Map<number, number>;
  readonly #gathering = new Map<number, Gathering>();
  readonly #lanes = new Map<number, Lane>();
  readonly #done = new Map<number, number>();
  #gatheredMessages = 0;
  #unacked = 0;

  /** `numbers`: the last number given out per target. `frames`: those a claim found, by target and number. */
  constructor(
    options: OutboxOptions,
    numbers: Readonly<Record<string, number>>,
    frames: readonly OutboxFrame[],
  ) {
    this.#options = options;
    this.#numbers = new Map(Object.entries(numbers).map(([target, n]) => [Number(target), n]));
    this.confirmed(frames);
    this.#unacked = frames.length;
  }

  /** Messages wait for the next checkpoint. */
  get isGathering(): boolean {
    return this.#gatheredMessages > 0;
  }

  /** Acknowledged frames wait to be deleted by a checkpoint. */
  get hasDone(): boolean {
    return this.#done.size > 0;
  }

  get isFull(): boolean {
    const { maxFrameMessages, maxUnackedFrames } = this.#options;
    return this.#unacked + this.#gatheredMessages / maxFrameMessages >= maxUnackedFrames;
  }

  /** The message is encoded here and now: the sender may change the object afterwards. */
  send(target: number, type: number, sender: Address, id: string, message: Json): void {
    let gathering = this.#gathering.get(target);
    if (gathering === undefined) {
      gathering = { pieces: [], sender: null };
      this.#gathering.set(target, gathering);
    }
    const startsFrame = gathering.pieces.length % this.#options.maxFrameMessages === 0;
    const sameSender = gathering.sender?.id === sender.id && gathering.sender.kind === sender.kind;
    const entry = [type, id, message];
    gathering.pieces.push(
      encodeEntries(startsFrame || !sameSender ? [senderMarker, sender.id, sender.kind, ...entry] : entry),
    );
    gathering.sender = sender;
    this.#gatheredMessages++;
  }

  /** Turns what was gathered into numbered frames for the checkpoint being made. */
  capture(): OutboxFrame[] {
    const { source, types, maxFrameMessages } = this.#options;
    const frames: OutboxFrame[] = [];
    for (const [target, { pieces }] of this.#gathering) {
      for (let at = 0; at < pieces.length; at += maxFrameMessages) {
        const n = (this.#numbers.get(target) ?? 0) + 1;
        this.#numbers.set(target, n);
        const text = joinFrame(
          { type: "shard", shard: source, n },
          types,
          pieces.slice(at, at + maxFrameMessages),
        );
        frames.push({ target, n, text });
      }
    }
    this.#gathering.clear();
    this.#gatheredMessages = 0;
    this.#unacked += frames.length;
    return frames;
  }

  /** Per target the last number given out. */
  numbers(): Record<string, number> {
    return Object.fromEntries(this.#numbers);
  }

  /** Per target the highest acknowledged number since the last call, for the checkpoint being made. */
  takeDone(): { target: number; n: number }[] {
    const done = [...this.#done].map(([target, n]) => ({ target, n }));
    this.#done.clear();
    return done;
  }

  /** The checkpoint that contains `frames` is confirmed: they may be sent. */
  confirmed(frames: readonly OutboxFrame[]): void {
    for (const frame of frames) {
      const lane = this.#lanes.get(frame.target) ?? { frames: [], isSending: false };
      this.#lanes.set(frame.target, lane);
      lane.frames.push(frame);
    }
  }

  /** Frames to send now; each must be answered by `acknowledged`. */
  takeSendable(): OutboxFrame[] {
    const sendable: OutboxFrame[] = [];
    for (const lane of this.#lanes.values()) {
      const first = lane.frames[0];
      if (first === undefined || lane.isSending) continue;
      lane.isSending = true;
      sendable.push(first);
    }
    return sendable;
  }

  acknowledged(target: number, n: number): void {
    const lane = this.#lanes.get(target);
    if (lane?.frames[0]?.n !== n) return;
    lane.frames.shift();
    lane.isSending = false;
    this.#unacked--;
    this.#done.set(target, n);
  }
}
