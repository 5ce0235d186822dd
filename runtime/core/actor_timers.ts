/**
 * The timers of a shard's actors: in the actors, for their snapshots, and in a queue, by when they are due. In the same
 * queue, when open requests time out: these are no part of the actors, so they count for no actor's `maxTimers`, and
 * an actor whose state is lost does not keep its requests open.
 *
 * 1. `takeDue` answers the timers due in the queue's order, each once, and takes them out of their actors; requests
 *    that have timed out it closes.
 * 2. Not all actors need be in memory: what is missing for the next one it says instead.
 */

import type { Address, Json } from "./actor.ts";
import { type ActorEntry, actorKey, type ActorTable, type Timer } from "./actor_table.ts";
import type { DueActor, OpenRequest } from "./checkpoint.ts";
import { maxTimers } from "./limits.ts";
import type { Requests } from "./requests.ts";
import { isReservedName, type TimerEntry, TimerQueue } from "./timers.ts";

type DueTimer =
  | { readonly type: "timer"; readonly entry: ActorEntry; readonly name: string; readonly timer: Timer }
  | { readonly type: "request"; readonly entry: ActorEntry; readonly request: OpenRequest };

export class ActorTimers {
  readonly #table: ActorTable;
  readonly #requests: Requests;
  readonly #queue = new TimerQueue();
  /** Actors with timers, all of which are in the queue by name. */
  readonly #queued = new Set<string>();
  #compactAt = 1024;
  /** A page of timers must be inserted before the next can be taken. */
  needsPage = true;

  constructor(table: ActorTable, requests: Requests) {
    this.#table = table;
    this.#requests = requests;
  }

  get horizonMs(): number {
    return this.#queue.horizonMs;
  }

  /** When the next timer is due, log time; Infinity when there is none. */
  get nextMs(): number {
    // Most requests have their outcome long before: nobody must be woken for those.
    for (let top = this.#queue.peek(); top !== null && this.#isClosed(top); top = this.#queue.peek()) {
      this.#queue.pop();
    }
    return Math.min(this.#queue.peek()?.dueMs ?? Infinity, this.#queue.horizonMs + 1);
  }

  #isClosed({ request }: TimerEntry): boolean {
    return request > 0 && !this.#requests.isOpen(request);
  }

  /** Takes in when an open request times out. */
  insertRequest({ n: request, kind, id, dueMs }: OpenRequest): void {
    this.#push({ kind, id, dueMs, name: null, request });
  }

  #push(timer: TimerEntry): void {
    this.#queue.push(timer);
    if (this.#queue.size > this.#compactAt) this.#compact();
  }

  /** Takes in the timers of an actor that was loaded. */
  insert({ timers, address }: ActorEntry): void {
    if (timers === null) return;
    const key = actorKey(address);
    if (this.#queued.has(key)) return;
    this.#queued.add(key);
    for (const [name, { dueMs }] of timers) this.#queue.push({ ...address, dueMs, name, request: 0 });
  }

  /** Takes in a page of actors with timers due after `horizonMs`, `limit` having been asked for. */
  insertPage(due: readonly DueActor[], limit: number): void {
    const last = due.at(-1);
    const isLastPage = due.length < limit || last === undefined;
    // Others may be due at the same time as the page's last: the horizon stays below it.
    this.#queue.horizonMs = isLastPage ? Infinity : last.dueMs - 1;
    for (const actor of due) {
      // Those of a kind that this program does not know stay in the store as they are.
      if (!this.#table.knows(actor.kind)) continue;
      if (actor.dueMs <= this.#queue.horizonMs && !this.#queued.has(actorKey(actor))) {
        this.#queue.push({ ...actor, name: null, request: 0 });
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
      if (this.#isClosed(top)) {
        this.#queue.pop();
        continue;
      }
      const entry = this.#table.find(top);
      if (entry === undefined) return "missing";
      this.#queue.pop();
      entry.used = Math.max(entry.used, work);
      const request = top.request > 0 ? this.#requests.close(top.request) : null;
      if (request !== null) return { type: "request", entry, request };
      const timer = top.name === null ? undefined : entry.timers?.get(top.name);
      if (top.name === null || timer?.dueMs !== top.dueMs) continue;
      this.cancel(entry, top.name);
      return { type: "timer", entry, name: top.name, timer };
    }
  }

  /** Actors that have timers due at `nowMs` and are not in memory, `limit` of them at most. */
  missing(nowMs: number, limit: number): Address[] {
    const isMissing = (timer: TimerEntry) => !this.#isClosed(timer) && this.#table.find(timer) === undefined;
    return this.#queue.due(nowMs).filter(isMissing).slice(0, limit);
  }

  /** `dueMs`: log time, a whole number. Throws when name or message is refused or the timers are too many. */
  set(entry: ActorEntry, name: string, dueMs: number, message: Json): void {
    if (isReservedName(name)) {
      throw new Error(`A timer has another name than those of requests, unlike "${name}"`);
    }
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
    this.#push({ ...entry.address, dueMs, name, request: 0 });
  }

  cancel(entry: ActorEntry, name: string): void {
    entry.timers?.delete(name);
    if (entry.timers?.size !== 0) return;
    entry.timers = null;
    this.#queued.delete(actorKey(entry.address));
  }

  #compact(): void {
    this.#queue.compact((timer) => {
      if (timer.request > 0) return !this.#isClosed(timer);
      const entry = this.#table.find(timer);
      return entry === undefined ||
        (timer.name !== null && entry.timers?.get(timer.name)?.dueMs === timer.dueMs);
    });
    this.#compactAt = Math.max(1024, this.#queue.size * 2);
  }
}
