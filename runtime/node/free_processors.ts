/** How much of the machine's processors is free for those who give way to all others. */

import { cpus } from "node:os";

/** Of all processors since the machine started, milliseconds. */
export interface ProcessorTimes {
  /** Idle, or used by threads that are nice. */
  readonly freeMs: number;
  readonly totalMs: number;
}

/** Ticks of 10 ms on two processors: in less time there are too few of them to tell of a share. */
const minWindowMs = 200;

export class FreeProcessors {
  readonly #read: () => ProcessorTimes;
  readonly #processors: number;
  #last: ProcessorTimes;
  #share = 1;

  constructor(read: () => ProcessorTimes = machineTimes, processors = cpus().length) {
    this.#read = read;
    this.#processors = Math.max(1, processors);
    this.#last = read();
  }

  /** From 0 to 1: the share that was free since it was asked for last, and as then when that is too short ago. */
  share(): number {
    const now = this.#read();
    const totalMs = now.totalMs - this.#last.totalMs;
    if (totalMs < minWindowMs * this.#processors) return this.#share;
    this.#share = Math.min(1, Math.max(0, (now.freeMs - this.#last.freeMs) / totalMs));
    this.#last = now;
    return this.#share;
  }
}

/** All free where the system does not tell. */
function machineTimes(): ProcessorTimes {
  let [freeMs, totalMs] = [0, 0];
  for (const { times: { user, nice, sys, idle, irq } } of cpus()) {
    freeMs += idle + nice;
    totalMs += user + nice + sys + idle + irq;
  }
  return { freeMs, totalMs };
}
