/**
 * The way into the log: pieces of batches wait per shard, are joined into frames and appended as one group.
 *
 * 1. One append is in flight; what arrives meanwhile is grouped into the next: the slower the disk, the larger the
 *    groups. So a shard's frames reach the log in the order of their numbers.
 * 2. A piece is acknowledged only when its frame is durable. An append with unknown outcome is repeated under the
 *    same numbers, which the shards fold once.
 * 3. What waits is bounded; above the bound, or above that of what the shards have yet to fold, sends are refused
 *    before anything of them is written.
 * 4. A send settles by its deadline. One that is told "timeout" keeps its place: its messages may yet be durable.
 * 5. A frame names the traced requests that wrote to it, and is the same as ever when none did.
 * 6. Records of foreign topics are frames of their own, under their own numbers, in the order that they were sent in.
 * 7. A log that takes nothing is told of, and that it takes messages again; see `trouble.ts`.
 * 8. While the log says that it waits for its servers, sends are refused at once, and so are those of which no append
 *    has taken anything: nothing of them is written. One of several groups, of which the log refuses one, is told
 *    "timeout": another may be written.
 */

import { joinFrame, type Origin } from "../core/frame.ts";
import { errorMessage } from "../core/errors.ts";
import { Fifo } from "../core/fifo.ts";
import type { MailboxLog, NewFrame } from "../log/port.ts";
import type { Backlog } from "./backlog.ts";
import type { Piece } from "./batch.ts";
import type { Clock } from "./clock.ts";
import type { Deadlines } from "./deadlines.ts";
import { EngineError } from "./engine.ts";
import {
  appendBudgetMs,
  logAwayRetryS,
  maxAppendBytes,
  maxBacklogBytes,
  maxFrameBytes,
  maxFrameContexts,
  maxFrameMessages,
  maxWaitingBytes,
} from "./limits.ts";
import type { Report } from "./notice.ts";
import { errorCode, isPassing, retry } from "./retry.ts";
import type { Span, Tracing } from "./tracing.ts";
import { Trouble } from "./trouble.ts";
import { sendSentence, type SendWaiting } from "./waiting.ts";

/** What the gateway knows of the shards; it refuses sends by it. */
export interface ShardKnowledge {
  /** Why the shard takes nothing, null when it does. */
  refusal(shard: number): string | null;
  keysFull(shard: number): boolean;
}

export interface GatewayObserver {
  /** A group became durable. */
  appended(frames: number, messages: number, durationMs: number): void;
  refused(code: string): void;
}

export interface GatewayParts {
  /** Names this start of this gateway; never used before. */
  readonly start: string;
  readonly shardCount: number;
  readonly log: Pick<MailboxLog, "append">;
  /** What the log waits for, as a sentence; null when it takes messages. */
  logWaitingFor(): string | null;
  readonly clock: Clock;
  readonly backlog: Backlog;
  readonly shards: ShardKnowledge;
  readonly observer: GatewayObserver;
  /** Of sends. */
  readonly deadlines: Deadlines;
  readonly tracing: Tracing | null;
  readonly report: Report;
  /** A frame got its place in the log. */
  onReceipt(shard: number, offset: number, stampMs: number): void;
}

/** One call of `send`. */
interface Ticket {
  readonly pieces: readonly Piece[];
  readonly sinceMs: number;
  /** Null unless it is for a traced request. */
  readonly span: Span | null;
  piecesLeft: number;
  /** Pieces that no append has taken yet. */
  piecesWaiting: number;
  /** One of its pieces is. */
  isPartDurable: boolean;
  resolve(): void;
  reject(error: EngineError): void;
}

interface WaitingPiece extends Piece {
  readonly ticket: Ticket;
}

interface FilledFrame {
  readonly frame: NewFrame;
  readonly pieces: readonly WaitingPiece[];
}

export class Gateway {
  readonly #parts: GatewayParts;
  readonly #lanes: Fifo<WaitingPiece>[];
  readonly #lastNumbers: number[];
  readonly #trouble: Trouble;
  /** The lane that the next group begins with, so that a full group starves no shard. */
  #firstLane = 0;
  #waitingPieces = 0;
  #waitingBytes = 0;
  #appending: Promise<void> | null = null;
  #isStopping = false;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#trouble = new Trouble({
      clock: parts.clock,
      component: "gateway",
      event: "append-failed",
      end: "The log takes messages again.",
      report: parts.report,
    });
    this.#lanes = Array.from({ length: parts.shardCount }, () => new Fifo<WaitingPiece>());
    this.#lastNumbers = new Array(parts.shardCount).fill(0);
  }

  /** Units of text that wait for the log. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Resolves when all pieces are durable; throws an `EngineError`. */
  send(pieces: readonly Piece[], isKeyed: boolean): Promise<void> {
    const problem = this.#problem(pieces, isKeyed);
    if (problem !== null) {
      this.#parts.observer.refused(problem.code);
      return Promise.reject(problem);
    }
    if (pieces.length === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { clock, deadlines } = this.#parts;
    const [piecesLeft, sinceMs, span] = [pieces.length, clock.nowMs(), this.#beginSpan(pieces)];
    const ticket: Ticket = {
      pieces,
      sinceMs,
      span,
      piecesLeft,
      piecesWaiting: piecesLeft,
      isPartDurable: false,
      resolve,
      reject,
    };
    this.#enqueue(ticket);
    const sent = deadlines.within(promise, () => this.#late(ticket));
    return span === null ? sent : endWith(span, sent);
  }

  #beginSpan(pieces: readonly Piece[]): Span | null {
    if (this.#parts.tracing === null) return null;
    return this.#parts.tracing.begin("append", {
      "sensorium.bytes": pieces.reduce((sum, { text }) => sum + text.length, 0),
      "sensorium.messages": pieces.reduce((sum, { messages }) => sum + messages, 0),
      "sensorium.shards": new Set(pieces.map(({ shard }) => shard)).size,
    });
  }

  #enqueue(ticket: Ticket): void {
    const { pieces } = ticket;
    for (const piece of pieces) {
      this.#lanes[piece.shard]!.push({ ...piece, ticket });
      this.#waitingBytes += piece.text.length;
    }
    this.#waitingPieces += pieces.length;
    this.#appending ??= this.#appendAll();
  }

  #late(ticket: Ticket): EngineError {
    const { observer, deadlines: { deadlineMs } } = this.#parts;
    observer.refused("timeout");
    this.#trouble.failed(
      "timeout",
      `The log has not answered within ${deadlineMs / 1000} s. ` +
        "Senders are told that it may still take their messages.",
    );
    return outcomeUnknown(ticket, this.#parts.clock.nowMs());
  }

  /** Why everything is refused at the moment; null when it is not. */
  refusal(): EngineError | null {
    const { backlog } = this.#parts;
    if (this.#isStopping) return new EngineError("stopping", "Cannot accept messages: the node is stopping");
    const away = this.#away();
    if (away !== null) return away;
    if (this.#waitingBytes > maxWaitingBytes) {
      return new EngineError(
        "overloaded",
        `Cannot accept messages: ${this.#waitingBytes} bytes wait for the log, and ${maxWaitingBytes} may`,
      );
    }
    if (backlog.bytes > maxBacklogBytes) {
      return new EngineError(
        "overloaded",
        `Cannot accept messages: ${backlog.bytes} bytes wait to be folded, and ${maxBacklogBytes} may`,
      );
    }
    return null;
  }

  #away(): EngineError | null {
    const waitingFor = this.#parts.logWaitingFor();
    return waitingFor === null
      ? null
      : new EngineError("unavailable", `Cannot accept messages: ${waitingFor}`, logAwayRetryS);
  }

  /** Sees whether the log waits for its servers; see guarantee 8. To be called now and then. */
  look(): void {
    const away = this.#away();
    if (away === null || this.#waitingPieces === 0) return;
    for (const [shard, lane] of this.#lanes.entries()) this.#lanes[shard] = this.#refuseUntouched(lane, away);
  }

  /** What is left of the lane. */
  #refuseUntouched(lane: Fifo<WaitingPiece>, error: EngineError): Fifo<WaitingPiece> {
    const left = new Fifo<WaitingPiece>();
    for (let piece = lane.shift(); piece !== undefined; piece = lane.shift()) {
      const { ticket, text } = piece;
      if (ticket.piecesWaiting < ticket.pieces.length) {
        left.push(piece);
        continue;
      }
      this.#waitingPieces -= 1;
      this.#waitingBytes -= text.length;
      ticket.reject(error);
    }
    return left;
  }

  /** Refuses sends from now on; resolves when those before have settled. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#appending;
  }

  #problem(pieces: readonly Piece[], isKeyed: boolean): EngineError | null {
    const { shards } = this.#parts;
    const refusal = this.refusal();
    if (refusal !== null) return refusal;
    for (const { shard } of pieces) {
      const refusal = shards.refusal(shard);
      if (refusal !== null) return new EngineError("unavailable", `Cannot accept messages: ${refusal}`, 30);
      if (isKeyed && shards.keysFull(shard)) {
        return new EngineError(
          "keys_full",
          `Shard ${shard} remembers as many idempotency keys as it may; repeat later, or send without a key`,
          60,
        );
      }
    }
    return null;
  }

  async #appendAll(): Promise<void> {
    while (this.#waitingPieces > 0) await this.#append(this.#takeGroup());
    this.#appending = null;
  }

  #takeGroup(): FilledFrame[] {
    const group: FilledFrame[] = [];
    let bytes = 0;
    for (let step = 0; step < this.#lanes.length && bytes < maxAppendBytes; step++) {
      const shard = (this.#firstLane + step) % this.#lanes.length;
      const lane = this.#lanes[shard]!;
      while (lane.length > 0 && bytes < maxAppendBytes) {
        const filled = this.#fillFrame(shard, lane);
        bytes += filled.frame.text.length;
        group.push(filled);
      }
    }
    this.#firstLane = (this.#firstLane + 1) % this.#lanes.length;
    return group;
  }

  /** A frame of the lane's first pieces: at least one, and as many of one table of types as fit. */
  #fillFrame(shard: number, lane: Fifo<WaitingPiece>): FilledFrame {
    const pieces: WaitingPiece[] = [];
    const { types, origin: source } = lane.at(0)!;
    let bytes = 0;
    let messages = 0;
    for (let piece = lane.at(0); piece !== undefined && piece.types === types; piece = lane.at(0)) {
      bytes += piece.text.length;
      messages += piece.messages;
      const isFull = bytes > maxFrameBytes || messages > maxFrameMessages || source !== piece.origin;
      if (pieces.length > 0 && (isFull || source !== undefined)) break;
      pieces.push(piece);
      piece.ticket.piecesWaiting -= 1;
      lane.shift();
      this.#waitingPieces -= 1;
    }
    const origin = source ?? this.#nextOrigin(shard);
    const contexts = this.#parts.tracing === null ? null : contextsOf(pieces);
    return {
      frame: { shard, text: joinFrame(origin, types, pieces.map(({ text }) => text), contexts) },
      pieces,
    };
  }

  #nextOrigin(shard: number): Origin {
    const n = this.#lastNumbers[shard]! + 1;
    this.#lastNumbers[shard] = n;
    return { type: "gateway", start: this.#parts.start, n };
  }

  async #append(group: readonly FilledFrame[]): Promise<void> {
    const { log, clock, backlog, observer } = this.#parts;
    const startMs = clock.nowMs();
    const frames = group.map(({ frame }) => frame);
    let isUnknown = false;
    const outcome = await retry(() => log.append(frames), {
      clock,
      isWanted: () => true,
      goesOn: (error) => {
        // Once an attempt may have written them, no later one can tell the sender that nothing was.
        isUnknown ||= errorCode(error) === "unknown";
        return isUnknown && isPassing(errorCode(error)) && clock.nowMs() - startMs < appendBudgetMs;
      },
    });
    if (outcome.type === "done") {
      let messages = 0;
      group.forEach(({ frame, pieces }, index) => {
        const { offset, stampMs } = outcome.value[index]!;
        backlog.appended(frame.shard, offset, frame.text.length, stampMs);
        this.#parts.onReceipt(frame.shard, offset, stampMs);
        for (const piece of pieces) messages += piece.messages;
      });
      observer.appended(group.length, messages, clock.nowMs() - startMs);
      this.#trouble.succeeded();
    }
    const error = outcome.type === "failed" ? appendError(outcome.error, isUnknown) : null;
    if (error !== null) {
      observer.refused(error.code);
      this.#trouble.failed(
        error.code,
        `${error.message.replace(/\.$/, "")}. Messages are refused meanwhile.`,
      );
    }
    for (const { pieces } of group) for (const piece of pieces) this.#settle(piece, error);
  }

  #settle({ text, ticket }: WaitingPiece, error: EngineError | null): void {
    this.#waitingBytes -= text.length;
    ticket.piecesLeft -= 1;
    if (error !== null) return ticket.reject(this.#refused(ticket, error));
    ticket.isPartDurable = true;
    if (ticket.piecesLeft === 0) ticket.resolve();
  }

  /** What its sender is told of a piece that the log has not taken. */
  #refused(ticket: Ticket, error: EngineError): EngineError {
    const mayBePart = ticket.isPartDurable || ticket.piecesWaiting > 0;
    const isUnknown = error.code === "timeout";
    if (!isUnknown && !mayBePart) return error;
    return outcomeUnknown(ticket, this.#parts.clock.nowMs(), error, isUnknown ? null : "part");
  }
}

async function endWith(span: Span, sent: Promise<void>): Promise<void> {
  try {
    await sent;
    span.end();
  } catch (thrown) {
    span.end(errorMessage(thrown));
    throw thrown;
  }
}

/** Of the traced requests among them; null when there is none. */
function contextsOf(pieces: readonly WaitingPiece[]): readonly string[] | null {
  const contexts = new Set<string>();
  for (const { ticket: { span } } of pieces) {
    if (span !== null && contexts.size < maxFrameContexts) contexts.add(span.context);
  }
  return contexts.size === 0 ? null : [...contexts];
}

/** What a failed append means to whoever sent; `isUnknown`: it may have written all the same. */
function appendError(error: Error, isUnknown: boolean): EngineError {
  switch (isUnknown ? "unknown" : errorCode(error)) {
    case "full":
      return new EngineError("log_full", error.message, 30, { cause: error });
    case "unknown":
      return new EngineError("timeout", error.message, 1, { cause: error });
    default:
      return new EngineError("unavailable", error.message, 5, { cause: error });
  }
}

/** What the sender is told when nobody knows whether its messages are durable; `cause`: what the log said. */
function outcomeUnknown(
  { pieces, sinceMs, piecesWaiting }: Ticket,
  nowMs: number,
  cause: Error | null = null,
  state: SendWaiting["state"] | null = null,
): EngineError {
  const waiting: SendWaiting = {
    type: "send",
    target: pieces.length === 1 ? pieces[0]!.target : null,
    shards: [...new Set(pieces.map(({ shard }) => shard))],
    messages: pieces.reduce((sum, { messages }) => sum + messages, 0),
    state: state ?? (piecesWaiting > 0 ? "gateway" : "log"),
    waitedMs: Math.round(nowMs - sinceMs),
    outcome: "unknown",
  };
  const found = cause === null ? "" : `. It said: ${cause.message}`;
  const retryAfterS = cause instanceof EngineError ? cause.retryAfterS : 1;
  return new EngineError("timeout", sendSentence(waiting) + found, retryAfterS, { waiting, cause });
}
