/**
 * Tells a person of trouble that may last, and of its end, without a line for each failure.
 *
 * 1. The first failure is told, later ones of the same code are not.
 * 2. The end is told with the first success that comes `quietMs` after the last failure: on a disk that is nearly
 *    full, small writes succeed between large ones that fail.
 */

import type { Clock } from "./clock.ts";
import { quietMs } from "./limits.ts";

export interface TroubleParts {
  readonly clock: Pick<Clock, "nowMs">;
  /** The sentence that tells of the end. */
  readonly end: string;
  report(sentence: string): void;
}

export class Trouble {
  readonly #parts: TroubleParts;
  #current: { readonly code: string; lastMs: number } | null = null;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  failed(code: string, sentence: string): void {
    const lastMs = this.#parts.clock.nowMs();
    if (this.#current?.code === code) this.#current.lastMs = lastMs;
    else {
      this.#current = { code, lastMs };
      this.#parts.report(sentence);
    }
  }

  succeeded(): void {
    if (this.#current === null || this.#parts.clock.nowMs() - this.#current.lastMs < quietMs) return;
    this.#current = null;
    this.#parts.report(this.#parts.end);
  }
}
