/** Deletes history older than its retention: once a minute, in batches that no commit waits long for. */

import { errorMessage } from "../core/errors.ts";
import type { Store } from "../store/port.ts";
import { expireBatchRows, expireIntervalMs } from "./limits.ts";

export interface HistoryExpiryParts {
  readonly store: Pick<Store, "expireHistory">;
  readonly retentionMs: number;
  logNowMs(): number;
  report(sentence: string): void;
}

export class HistoryExpiry {
  readonly #parts: HistoryExpiryParts;
  #timer: ReturnType<typeof setInterval> | null = null;
  #running: Promise<void> | null = null;
  #isStopped = false;

  constructor(parts: HistoryExpiryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.#running ??= this.#expire(), expireIntervalMs);
  }

  /** Resolves when the batch under way is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#running;
  }

  async #expire(): Promise<void> {
    const { store, retentionMs, logNowMs, report } = this.#parts;
    const beforeMs = logNowMs() - retentionMs;
    try {
      while (!this.#isStopped) {
        const gone = await store.expireHistory(beforeMs, expireBatchRows);
        if (gone < expireBatchRows) break;
      }
    } catch (thrown) {
      report(`History is not deleted, and will be tried again in a minute: ${errorMessage(thrown)}`);
    }
    this.#running = null;
  }
}
