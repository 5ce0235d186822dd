/**
 * A thread in reserve: it loads the actors and waits for shards, so that those of a host that died need not wait for a
 * thread to start.
 *
 * 1. Once it is taken, warm or not yet, it is somebody else's; as a child it has ended, and its supervisor starts the
 *    next.
 * 2. It folds for practice meanwhile: see `rehearsal.ts`. After one that has died of it, perhaps, none does any more: what
 *    is folded against a newer state can loop where it did not, and a thread that loops costs the process.
 * 3. It rests while a host may hang: that one has taken a processor, and those who answer need the others.
 * 4. One that dies, or hangs, while it waits is replaced in the same way.
 */

import type { MessagePort } from "node:worker_threads";
import type { End } from "../core/supervision_api.ts";
import type { StorePorts } from "../store/remote_store.ts";
import type { HostLife } from "./host_life.ts";
import type { HostThreads } from "./host_threads.ts";
import {
  firstRehearsalPauseMs,
  firstSparePauseMs,
  hostStopMs,
  lastRehearsalPauseMs,
  lingeringPauseMs,
  sparePauseMs,
  spareStartMs,
} from "./limits.ts";
import type { PracticeRanges } from "./practice.ts";
import type { Child, Running } from "./supervisor.ts";
import type { TimerClock } from "./timer_clock.ts";

export interface SpareParts {
  readonly threads: Pick<HostThreads, "take" | "care">;
  readonly clock: TimerClock;
  /** A new port to the log's (store's) thread; the same name again replaces the earlier port. */
  connectLog(client: string): MessagePort;
  connectStore(client: string): StorePorts;
  practice(): PracticeRanges;
}

export class SpareHost {
  readonly #parts: SpareParts;
  #wasTaken = false;
  #cancelRehearsal = () => {};
  #mayPractise = true;
  /** The one that waits. */
  #hasPractised = false;
  #rehearsalPauseMs = firstRehearsalPauseMs;
  /** The thread that waits, and how its end as a child is told. */
  #waiting: { readonly life: HostLife; end(end: End): void } | null = null;

  constructor(parts: SpareParts) {
    this.#parts = parts;
  }

  /** The thread, which is the caller's from here on; null when there is none. */
  take(): HostLife | null {
    if (this.#waiting === null) return null;
    const { life, end } = this.#waiting;
    this.#wasTaken = true;
    end({ reason: "normal", sentence: "It became a host", counts: false });
    return life;
  }

  /** Does not practise until its next time, as often as it is told so. */
  rest(): void {
    this.#waiting?.life.rest();
  }

  /** Ends it as its death would. */
  kill(reason: string): void {
    this.#waiting?.life.die(reason);
  }

  child(): Child {
    return {
      id: "spare",
      restart: "permanent",
      startMs: spareStartMs,
      stopMs: hostStopMs,
      start: (signal) => this.#start(signal),
    };
  }

  /** Now and then; not while processors are taken by threads that do not end. */
  #rehearse(life: HostLife): void {
    const { threads, clock, connectLog, connectStore, practice } = this.#parts;
    if (!this.#mayPractise) return;
    if (threads.care.abandoned.count > 0) {
      // Soon: until it has practised, a shard that it takes over answers late.
      this.#cancelRehearsal = clock.after(lingeringPauseMs, () => this.#rehearse(life));
      return;
    }
    this.#hasPractised = true;
    const [log, store] = [connectLog("rehearsal"), connectStore("rehearsal")];
    life.rehearse({ type: "rehearse", log, store, frames: practice() });
    this.#cancelRehearsal = clock.after(this.#rehearsalPauseMs, () => this.#rehearse(life));
    this.#rehearsalPauseMs = Math.min(2 * this.#rehearsalPauseMs, lastRehearsalPauseMs);
  }

  /** Ends early when there shall be none. */
  #pause(signal: AbortSignal): Promise<void> {
    const pauseMs = this.#wasTaken ? sparePauseMs : firstSparePauseMs;
    this.#wasTaken = false;
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        resolve();
      };
      const cancel = this.#parts.clock.after(pauseMs, end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  async #start(signal: AbortSignal): Promise<Running> {
    await this.#pause(signal);
    signal.throwIfAborted();
    const ended = Promise.withResolvers<End>();
    const end = (how: End) => {
      this.#cancelRehearsal();
      if (this.#waiting?.life === life) this.#waiting = null;
      ended.resolve(how);
    };
    const life = this.#parts.threads.take();
    this.#hasPractised = false;
    life.belongTo({
      hear: () => {},
      ended: ({ reason }) => {
        if (this.#hasPractised) this.#mayPractise = false;
        end({ reason: "failed", sentence: `The spare host died: ${reason}` });
      },
    });
    this.#waiting = { life, end };
    const unwanted = () => {
      if (this.#waiting?.life === life) life.die("it is not wanted any more");
    };
    signal.addEventListener("abort", unwanted, { once: true });
    const early = await Promise.race([life.warm, ended.promise]);
    if (early?.reason === "failed") throw new Error(early.sentence);
    if (this.#waiting?.life === life) this.#rehearse(life);
    return { ended: ended.promise, stop: () => life.stop(), kill: () => life.die("it was killed") };
  }
}
