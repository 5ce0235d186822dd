/**
 * Tells of trouble that may last, and of its end.
 *
 * 1. Every failure is told; `repeats.ts` tells a person of the first of each code and counts the others.
 * 2. The end is told with the first success that comes `quietMs` after the last failure: on a disk that is nearly
 *    full, small writes succeed between large ones that fail.
 */

import type { Clock } from "./clock.ts";
import { quietMs } from "./limits.ts";
import type { Report } from "./notice.ts";

export interface TroubleParts {
  readonly clock: Pick<Clock, "nowMs">;
  readonly component: string;
  /** As in `Notice`; that of the end is the same with "-over". */
  readonly event: string;
  /** The sentence that tells of the end. */
  readonly end: string;
  readonly report: Report;
}

export class Trouble {
  readonly #parts: TroubleParts;
  #lastMs: number | null = null;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  failed(code: string, message: string): void {
    const { clock, component, event, report } = this.#parts;
    this.#lastMs = clock.nowMs();
    report({ level: "warn", component, event, like: code, message, fields: { code } });
  }

  succeeded(): void {
    if (this.#lastMs === null) return;
    const { clock, component, event, end, report } = this.#parts;
    if (clock.nowMs() - this.#lastMs < quietMs) return;
    this.#lastMs = null;
    report({ level: "info", component, event: `${event}-over`, message: end, ends: event });
  }
}
