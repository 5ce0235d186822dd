/**
 * The timers of a shard's actors: in the actors, for their snapshots, and in a queue, by when they are due.
 *
 * 1. `takeDue` answers the timers due in the queue's order, each once, and takes them out of their actors.
 * 2. Not all need be in memory: what is missing for the next one it says instead.
 */

import type { Address, Json } from "./actor.ts";
import { type ActorEntry, actorKey, type ActorTable, type Timer } from "./actor_table.ts";
import type { DueActor } from "./checkpoint.ts";
import { maxTimers } from "./limits.ts";
import { TimerQueue } from "./timers.ts";

interface DueTimer {
  readonly entry: ActorEntry;
  readonly name: string;
  readonly timer: Timer;
}

export class ActorTimers {
  readonly #table: ActorTable;
  readonly #queue = new TimerQueue();
  /** Actors with timers, all of which are in the queue by name. */
  readonly #queued = new Set<string>();
  #compactAt = 1024;
  /** A page of timers must be inserted before the next can be taken. */
  needsPage = true;

  constructor(table: ActorTable) {
    this.#table = table;
  }

  get horizonMs(): number {
    return this.#queue.horizonMs;
  }

  /** When the next timer is due, log time; Infinity when there is none. */
  get nextMs(): number {
    return Math.min(this.#queue.peek()?.dueMs ?? Infinity, this.#queue.horizonMs + 1);
  }

  /** Takes in the timers of an actor that was loaded. */
  insert({ timers, address }: ActorEntry): void {
    if (timers === null) return;
    const key = actorKey(address);
    if (this.#queued.has(key)) return;
    this.#queued.add(key);
    for (const [name, { dueMs }] of timers) this.#queue.push({ ...address, dueMs, name });
  }

  /** Takes in a page of actors with timers due after `horizonMs`, `limit` having been asked for. */
  insertPage(due: readonly DueActor[], limit: number): void {
    const last = due.at(-1);
    const isLastPage = due.length < limit || last === undefined;
    // Others may be due at the same time as the page's last: the horizon stays below it.
    this.#queue.horizonMs = isLastPage ? Infinity : last.dueMs - 1;
    for (const actor of due) {
      if (actor.dueMs <= this.#queue.horizonMs && !this.#queued.has(actorKey(actor))) {
        this.#queue.push({ ...actor, name: null });
      }
    }
    this.needsPage = false;
  }

  /**
   * The next timer due at `nowMs`; null when there is none. "missing": a page or the actors of `missing` must come
   * first. `work`: the number of the frame that it fires before, which keeps the actor in memory.
   */
  takeDue(nowMs: number, work: number): DueTimer | "missing" | null {
    for (;;) {
      if (nowMs > this.#queue.horizonMs) {
        this.needsPage = true;
        return "missing";
      }
      const top = this.#queue.peek();
      if (top === null || top.dueMs > nowMs) return null;
      const entry = this.#table.find(top);
      if (entry === undefined) return "missing";
      this.#queue.pop();
      entry.used = Math.max(entry.used, work);
      const timer = top.name === null ? undefined : entry.timers?.get(top.name);
      if (top.name === null || timer?.dueMs !== top.dueMs) continue;
      this.cancel(entry, top.name);
      return { entry, name: top.name, timer };
    }
  }

  /** Actors that have timers due at `nowMs` and are not in memory, `limit` of them at most. */
  missing(nowMs: number, limit: number): Address[] {
    return this.#queue.due(nowMs).filter((timer) => this.#table.find(timer) === undefined).slice(0, limit);
  }

  /** `dueMs`: log time, a whole number. Throws when the message is refused or the timers are too many. */
  set(entry: ActorEntry, name: string, dueMs: number, message: Json): void {
    const type = entry.definition.message;
    const text = JSON.stringify(message);
    if (!type.accepts(JSON.parse(text))) {
      throw new Error(`The timer ${name} has a message that is refused: ${text}`);
    }
    const timers = entry.timers ??= new Map();
    if (timers.size >= maxTimers && !timers.has(name)) {
      throw new Error(`An actor has at most ${maxTimers} timers`);
    }
    timers.set(name, { dueMs, version: type.version, message: text });
    this.#queued.add(actorKey(entry.address));
    this.#queue.push({ ...entry.address, dueMs, name });
    if (this.#queue.size > this.#compactAt) this.#compact();
  }

  cancel(entry: ActorEntry, name: string): void {
    entry.timers?.delete(name);
    if (entry.timers?.size !== 0) return;
    entry.timers = null;
    this.#queued.delete(actorKey(entry.address));
  }

  #compact(): void {
    this.#queue.compact((timer) => {
      const entry = this.#table.find(timer);
      return entry === undefined ||
        (timer.name !== null && entry.timers?.get(timer.name)?.dueMs === timer.dueMs);
    });
    this.#compactAt = Math.max(1024, this.#queue.size * 2);
  }
}
