/**
 * Whether the brokers are there, asked while nothing is appended: a node that only waits would else not notice that they
 * are away, and say that it is ready.
 *
 * 1. `said` hears, as a sentence, that they are away, and null when they are back: each change once.
 */

import { orLate } from "../../rpc.ts";
import { unavailable } from "./errors.ts";
import { watchDeadlineMs, watchIntervalMs } from "./limits.ts";
import type { KafkaSettings } from "./settings.ts";

export interface BrokerWatchParts {
  readonly settings: KafkaSettings;
  /** Any request that only a broker can answer. */
  ask(): Promise<unknown>;
  /** When an append succeeded last, on the clock of `performance.now`. */
  appendedMs(): number;
  said(sentence: string | null): void;
}

export class BrokerWatch {
  readonly #parts: BrokerWatchParts;
  readonly #timer: ReturnType<typeof setInterval>;
  #isAsking = false;
  #isAway = false;
  #isClosed = false;

  constructor(parts: BrokerWatchParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#look(), watchIntervalMs);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { settings, ask, appendedMs, said } = this.#parts;
    if (this.#isAsking) return;
    if (performance.now() - appendedMs() < watchIntervalMs) return this.back();
    this.#isAsking = true;
    try {
      const late = () => new Error(`it has not answered for ${watchDeadlineMs} ms`);
      await orLate(ask(), watchDeadlineMs, late);
      this.back();
    } catch (thrown) {
      if (this.#isAway || this.#isClosed) return;
      this.#isAway = true;
      said(unavailable(thrown, settings).message);
    } finally {
      this.#isAsking = false;
    }
  }

  /** They are there, as somebody else has found. */
  back(): void {
    if (!this.#isAway || this.#isClosed) return;
    this.#isAway = false;
    this.#parts.said(null);
  }
}
