/**
 * Threads that were ended and are still there.
 *
 * Deno's `terminate` tells of an exit at once, and stops no thread that does not come back to its event loop (2.9.6;
 * denoland/deno pull request 35657 has more): an endless loop keeps a processor, and may go on taking memory. What is
 * certain is a port whose other end the thread holds: it closes when the thread is gone. Of a host's thread, which looped
 * when it was given up, the priority is lowered meanwhile (`thread_priority.ts`).
 *
 * 1. A thread counts from when it was given up until its port closes; one that said that it ends, only when it is still
 *    there `abandonedNoticeMs` later.
 * 2. The process is worn once a thread has been abandoned for `lingerMs` and nothing else was given up for as long; at
 *    once when there are more than `maxAbandonedThreads`, or memory has grown by `maxAbandonedBytes` since the first.
 *    `onWorn` then hears of it, once: nothing but a new process helps.
 * 3. A thread that is still there after `abandonedNoticeMs` is told of, once.
 */

import { abandonedLingerMs, abandonedNoticeMs, maxAbandonedBytes, maxAbandonedThreads } from "./limits.ts";
import type { Report } from "./notice.ts";

/** The part of a `MessagePort` that is needed. */
export interface ThreadPort {
  once(event: "close", listener: () => void): unknown;
  unref(): void;
  close(): void;
}

export interface AbandonedParts {
  readonly clock: { nowMs(): number };
  /** Memory of the process. */
  residentBytes(): number;
  onWorn(sentence: string): void;
  readonly report: Report;
}

interface Abandoned {
  readonly name: string;
  readonly sinceMs: number;
  /** By its own words. */
  readonly isEnding: boolean;
  isTold: boolean;
}

export class AbandonedThreads {
  readonly #parts: AbandonedParts;
  /** Ports of threads that are there. */
  readonly #open = new Set<ThreadPort>();
  /** Those that were given up. */
  readonly #threads = new Map<ThreadPort, Abandoned>();
  /** When one was given up that did not end by itself. */
  #lastMs = -Infinity;
  #firstBytes = 0;
  #isWorn = false;

  constructor(parts: AbandonedParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#given().length;
  }

  /** Those that count. */
  #given(): readonly Abandoned[] {
    const nowMs = this.#parts.clock.nowMs();
    return [...this.#threads.values()].filter(({ isEnding, sinceMs }) => {
      return !isEnding || nowMs - sinceMs >= abandonedNoticeMs;
    });
  }

  /** A thread starts, and holds the other end of `port`. */
  started(port: ThreadPort): void {
    this.#open.add(port);
    port.once("close", () => {
      this.#open.delete(port);
      this.#threads.delete(port);
    });
  }

  /** The thread called `name` was given up, ends, or has ended; `port` is nobody else's from here on. */
  add(name: string, port: ThreadPort, isEnding = false): void {
    if (!this.#open.has(port)) return;
    if (this.#threads.size === 0) this.#firstBytes = this.#parts.residentBytes();
    const sinceMs = this.#parts.clock.nowMs();
    if (!isEnding) this.#lastMs = sinceMs;
    this.#threads.set(port, { name, sinceMs, isEnding, isTold: false });
    port.unref();
  }

  /** To be called once in a while. */
  check(): void {
    const given = this.#given();
    if (given.length === 0 || this.#isWorn) return;
    this.#tellLingering();
    const { clock, residentBytes, onWorn } = this.#parts;
    const grownBytes = residentBytes() - this.#firstBytes;
    const lastMs = Math.max(this.#lastMs, ...given.map(({ sinceMs }) => sinceMs));
    const isQuiet = clock.nowMs() - lastMs >= abandonedLingerMs;
    if (!isQuiet && given.length <= maxAbandonedThreads && grownBytes <= maxAbandonedBytes) return;
    this.#isWorn = true;
    const names = [...new Set(given.map(({ name }) => name))].join(", ");
    onWorn(
      `${names} did not end when told to, and ${
        given.length === 1 ? "takes a processor" : "take processors"
      } ` +
        "until the process ends",
    );
  }

  #tellLingering(): void {
    const nowMs = this.#parts.clock.nowMs();
    for (const thread of this.#threads.values()) {
      if (thread.isTold || nowMs - thread.sinceMs < abandonedNoticeMs) continue;
      thread.isTold = true;
      this.#parts.report({
        level: "warn",
        component: thread.name,
        event: "thread-abandoned",
        message: `The thread of ${thread.name} was ended and is still there; another has its place.`,
        fields: { abandoned: this.#threads.size },
      });
    }
  }

  /** Waits for them no longer. */
  close(): void {
    for (const port of this.#threads.keys()) port.close();
    this.#threads.clear();
  }
}
