/**
 * Watches a node's start.
 *
 * 1. A start fails when a host's thread says nothing for `startSilenceMs`, also when it dies again and again.
 * 2. A long start, such as the replay of a long log, says now and then what it waits for.
 */

import type { Clock } from "./clock.ts";
import { startReportMs, startSilenceMs } from "./limits.ts";
import type { Report } from "./notice.ts";

export interface StartWatchParts {
  readonly clock: Pick<Clock, "nowMs">;
  readonly hosts: number;
  /** What the start waits for, as a sentence. */
  waitingFor(): string | null;
  readonly report: Report;
}

export class StartWatch {
  readonly #parts: StartWatchParts;
  /** When each host reported last. */
  readonly #heardMs: number[];
  #toldMs: number;

  constructor(parts: StartWatchParts) {
    this.#parts = parts;
    this.#toldMs = parts.clock.nowMs();
    this.#heardMs = new Array<number>(parts.hosts).fill(this.#toldMs);
  }

  heard(host: number): void {
    this.#heardMs[host] = this.#parts.clock.nowMs();
  }

  /** To be called every second or so; an error when the start has failed. */
  check(): Error | null {
    const { clock, waitingFor, report } = this.#parts;
    const nowMs = clock.nowMs();
    const silent = this.#heardMs.findIndex((heardMs) => nowMs - heardMs >= startSilenceMs);
    if (silent >= 0) {
      return new Error(
        `Cannot start: the thread of host ${silent} has said nothing for ${startSilenceMs / 1000} s. ` +
          "If the module of the actors awaits something at its top level, it must not wait for the engine.",
      );
    }
    const waiting = waitingFor();
    if (waiting !== null && nowMs - this.#toldMs >= startReportMs) {
      this.#toldMs = nowMs;
      report({
        level: "info",
        component: "node",
        event: "still-starting",
        // What it waits for changes, and with it the sentence.
        like: waiting,
        message: `Still starting: ${waiting}.`,
      });
    }
    return null;
  }
}
