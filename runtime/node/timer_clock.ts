/** A clock that also calls back, and that can be told not to: nothing is left behind by what was stopped. */

import { type Clock, machineClock } from "./clock.ts";
import { longestTimerMs } from "./limits.ts";

export interface TimerClock extends Clock {
  /** Calls `run` in `delayMs` at the latest, or earlier when that is long; returns what calls it off. */
  after(delayMs: number, run: () => void): () => void;
}

export const machineTimerClock: TimerClock = {
  ...machineClock,
  after(delayMs, run) {
    // setTimeout rounds down.
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), longestTimerMs));
    return () => clearTimeout(timer);
  },
};
