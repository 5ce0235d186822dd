/**
 * Traces: the last messages of actors that somebody looks at.
 *
 * 1. To an actor that nobody traces they cost one look at `ActorEntry.trace` a turn.
 * 2. They are memory of the host and no part of the fold: they change no turn, are in no checkpoint, and end with the
 *    host.
 * 3. They are in the order of the places. A turn that is folded again takes the place of what was noted of it.
 * 4. One begins with the first request. What came before is read from the frames that were folded last, so far as
 *    they are kept: messages out of the log, whose outcome nobody noted, and neither local ones nor timers.
 * 5. One is forgotten `traceRetentionMs` of log time after its last request, or when `maxTracedActors` others were
 *    asked for since.
 */

import type { Address } from "./actor.ts";
import type { ActorEntry } from "./actor_table.ts";
import type { Death } from "./dead_letter.ts";
import { Fifo } from "./fifo.ts";
import { idOf, parseFrame, type Run, senderMarker } from "./frame.ts";
import {
  maxTracedActors,
  maxTracedMessages,
  maxTracedUnits,
  recentFrameUnits,
  traceRetentionMs,
} from "./limits.ts";
import type { LogFrame } from "./log_frame.ts";

/** Where a message was folded: as in `TurnPlace`, with the timer's name. */
interface TracePlace {
  readonly offset: number;
  readonly index: number;
  /** Empty for an entry. */
  readonly timer: string;
  readonly timerNumber: number;
  readonly step: number;
}

export interface TracedMessage extends TracePlace {
  /** Log time. */
  readonly atMs: number;
  readonly sender: Address | null;
  /** JSON text, shortened. */
  readonly message: string;
  /** "folded", "parked", "threw: …", "dead-letter: …"; null where nobody noted it. */
  readonly outcome: string | null;
}

/** JSON text for a person: where it is longer than a screen shows, its beginning. */
function shortened(text: string): string {
  return text.length <= maxTracedUnits ? text : `${text.slice(0, maxTracedUnits).toWellFormed()}…`;
}

/** Below 0 when `one` is folded before `other`, 0 when they are the same place. */
function order(one: TracePlace, other: TracePlace): number {
  return one.offset - other.offset || one.index - other.index || one.timerNumber - other.timerNumber ||
    one.step - other.step;
}

/** How a trace tells of a message that was not folded. */
export function deathOf({ reason, detail }: Pick<Death, "reason" | "detail">): string {
  return reason === "threw" ? `threw: ${detail}` : `dead-letter: ${reason}`;
}

export class Trace {
  /** Log time: every message since then is noted. */
  readonly sinceMs: number;
  /** Log time at which it is forgotten. */
  untilMs = Infinity;
  readonly #messages: TracedMessage[] = [];

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  /**
   * The turn at this place has folded a message.
   *
   * @param nowMs log time
   * @param message JSON text
   */
  note(
    { offset, index, timer, timerNumber, step, nowMs: atMs }: TracePlace & { readonly nowMs: number },
    message: string,
    sender: Address | null,
    outcome: string | null,
  ): void {
    const place = { offset, index, timer, timerNumber, step };
    const told = outcome === null ? null : shortened(outcome);
    this.#insert({ ...place, atMs, sender, message: shortened(message), outcome: told });
  }

  #insert(message: TracedMessage): void {
    const messages = this.#messages;
    let at = messages.length;
    while (at > 0 && order(messages[at - 1]!, message) > 0) at--;
    if (at > 0 && order(messages[at - 1]!, message) === 0) messages[at - 1] = message;
    else messages.splice(at, 0, message);
    if (messages.length > maxTracedMessages) messages.shift();
  }

  /** The last of them, in the order of the log. */
  last(count: number): readonly TracedMessage[] {
    return this.#messages.slice(-count);
  }
}

/** The frames of a shard that were folded last, as text. */
class RecentFrames {
  readonly #frames = new Fifo<LogFrame>();
  #units = 0;
  #lastOffset = -1;

  add(frame: LogFrame): void {
    // Folded before: a claim went back.
    if (frame.offset <= this.#lastOffset) return;
    this.#lastOffset = frame.offset;
    this.#frames.push(frame);
    this.#units += frame.text.length;
    while (this.#units > recentFrameUnits && this.#frames.length > 1) {
      this.#units -= this.#frames.shift()?.text.length ?? 0;
    }
  }

  /** Tells `trace` the actor's messages. */
  read(address: Address, trace: Trace): void {
    for (let place = 0; place < this.#frames.length; place++) {
      const frame = this.#frames.at(place);
      if (frame !== undefined) readFrame(frame, address, trace);
    }
  }
}

function readFrame({ text, offset, stampMs }: LogFrame, { kind, id }: Address, trace: Trace): void {
  const frame = parseFrame(text);
  const isOfKind = ({ type, text: ids }: Run) => frame.types[type]?.[0] === kind && ids.includes(id);
  let sender: Address | null = null;
  for (const run of frame.runs) {
    if (run.type === senderMarker) sender = { kind: String(run.bodies[0]), id: run.text };
    if (!isOfKind(run)) continue;
    for (let index = run.first; index < run.end; index++) {
      if (idOf(frame, run, index) !== id) continue;
      const turn = { offset, index, timer: "", timerNumber: 0, step: 0, nowMs: stampMs };
      trace.note(turn, JSON.stringify(run.bodies[index - run.first]), sender, null);
    }
  }
}

/** The traces of a shard. */
export class Traces {
  /** By `actorKey`, in the order of their last requests. */
  readonly #traces = new Map<string, Trace>();
  readonly #recent = new RecentFrames();

  /** Every entry of the frame was folded. */
  folded(frame: LogFrame): void {
    this.#recent.add(frame);
  }

  /** The trace of an actor that comes into memory. */
  of({ kind, id }: Address): Trace | null {
    return this.#traces.size === 0 ? null : this.#traces.get(`${kind}/${id}`) ?? null;
  }

  /** The actor's trace, which begins if there is none yet. `nowMs`: log time of the last frame folded. */
  request(entry: ActorEntry, nowMs: number): Trace {
    for (const [key, { untilMs }] of this.#traces) if (untilMs <= nowMs) this.#forget(key);
    const { kind, id } = entry.address;
    const key = `${kind}/${id}`;
    let trace = this.#traces.get(key);
    this.#traces.delete(key);
    if (trace === undefined) {
      const [oldest] = this.#traces.keys();
      if (oldest !== undefined && this.#traces.size >= maxTracedActors) this.#forget(oldest);
      trace = new Trace(nowMs);
      this.#recent.read(entry.address, trace);
    }
    this.#traces.set(key, trace);
    trace.untilMs = nowMs + traceRetentionMs;
    entry.trace = trace;
    return trace;
  }

  /** Ends the actor's trace when its time is over; false when it goes on. */
  hasExpired(entry: ActorEntry, trace: Trace, nowMs: number): boolean {
    if (trace.untilMs > nowMs) return false;
    entry.trace = null;
    const key = `${entry.address.kind}/${entry.address.id}`;
    if (this.#traces.get(key) === trace) this.#traces.delete(key);
    return true;
  }

  #forget(key: string): void {
    // Its actor, if it is in memory, lets go of it at its next turn.
    const trace = this.#traces.get(key);
    if (trace !== undefined) trace.untilMs = -Infinity;
    this.#traces.delete(key);
  }
}
