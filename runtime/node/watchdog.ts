/**
 * Finds hosts that hang, or died without an event.
 *
 * 1. Time is counted in the watchdog's own ticks: a paused or starved process, whose ticks stop as well, condemns
 *    nobody. A tick that comes late counts as the less: where the watchdog gets its processor late, so may a host.
 * 2. A sign of life is a turn counter that moved or a ping that was answered. A host that waits (for the store, the
 *    log, credits, work) answers pings, so it is never condemned.
 * 3. A host is condemned once, after `maxSilentTicks` ticks in a row without a sign of life when it is in a turn, and
 *    after `maxSilentTicksOutside` when it is in none.
 */

import { doubtfulTicks, maxSilentTicks, maxSilentTicksOutside, watchdogTickMs } from "./limits.ts";

/** One life of a host. */
export interface Watched {
  /** Moves with every turn and slice; read from shared memory. */
  turns(): number;
  /** Whether it is in a turn, as far as its board tells. */
  isInTurn(): boolean;
  /** Asks for a sign of life; `answered` is called when it comes. */
  ping(answered: () => void): void;
  /** It has shown no sign of life for so many ticks, late ones counted in part. */
  condemn(silentTicks: number): void;
}

interface Watch {
  readonly watched: Watched;
  turns: number;
  isPinged: boolean;
  silentTicks: number;
}

export class Watchdog {
  readonly #watches = new Set<Watch>();
  #tickedMs = -Infinity;

  /** Watches until the function that is returned is called, or the host is condemned. */
  watch(watched: Watched): () => void {
    const watch: Watch = { watched, turns: watched.turns(), isPinged: false, silentTicks: 0 };
    this.#watches.add(watch);
    return () => void this.#watches.delete(watch);
  }

  /** To be called every `watchdogTickMs`. `nowMs`: monotonic. */
  tick(nowMs: number): void {
    const share = Math.min(1, watchdogTickMs / (nowMs - this.#tickedMs));
    this.#tickedMs = nowMs;
    for (const watch of [...this.#watches]) this.#look(watch, share);
  }

  /** Whether one of those that are watched may hang, though it is too early to tell. */
  get isInDoubt(): boolean {
    return [...this.#watches].some(({ silentTicks }) => silentTicks >= doubtfulTicks);
  }

  #look(watch: Watch, share: number): void {
    const turns = watch.watched.turns();
    if (turns !== watch.turns) {
      watch.turns = turns;
      watch.silentTicks = 0;
    } else if (watch.isPinged) {
      watch.silentTicks += share;
    }
    if (isOver(watch)) {
      this.#watches.delete(watch);
      watch.watched.condemn(watch.silentTicks);
    } else if (!watch.isPinged) {
      watch.isPinged = true;
      watch.watched.ping(() => {
        watch.isPinged = false;
        watch.silentTicks = 0;
      });
    }
  }
}

function isOver({ silentTicks, watched }: Watch): boolean {
  if (silentTicks < maxSilentTicks) return false;
  return silentTicks >= maxSilentTicksOutside || watched.isInTurn();
}
