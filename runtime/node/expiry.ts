/**
 * Deletes old history and dead letters: once a minute, in batches that no commit waits long for; of several nodes one
 * does, for the shards of all.
 */

import { errorMessage } from "../core/errors.ts";
import type { Store } from "../store/port.ts";
import { deadLetterRetentionMs, expireBatchRows, expireIntervalMs } from "./limits.ts";
import type { Report } from "./notice.ts";
import { errorCode } from "./retry.ts";

export type ExpiredRows = "history" | "dead-letters";

/** Whoever has it deletes: some node always has, and two have it for a moment at most. */
export const expiryShard = 0;

export interface ExpiryParts {
  readonly store: Pick<Store, "expireHistory" | "expireDeadLetters">;
  /** Whether it is this node's turn. */
  isDue(): boolean;
  /** How long history is kept. */
  readonly historyMs: number;
  logNowMs(): number;
  /** Hears of rows that were deleted. */
  expired(what: ExpiredRows, rows: number): void;
  readonly report: Report;
}

export class Expiry {
  readonly #parts: ExpiryParts;
  #timer: ReturnType<typeof setInterval> | null = null;
  #running: Promise<void> | null = null;
  #isStopped = false;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#parts.isDue()) this.#running ??= this.#expire();
    }, expireIntervalMs);
  }

  /** Resolves when the batch under way is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#running;
  }

  async #expire(): Promise<void> {
    const { store, historyMs, logNowMs, report } = this.#parts;
    const nowMs = logNowMs();
    try {
      await this.#inBatches("history", (limit) => store.expireHistory(nowMs - historyMs, limit));
      await this.#inBatches(
        "dead-letters",
        (limit) => store.expireDeadLetters(nowMs - deadLetterRetentionMs, limit),
      );
    } catch (thrown) {
      report({
        level: "warn",
        component: "expiry",
        event: "rows-not-deleted",
        message: `Old rows are not deleted, and will be tried again in a minute: ${errorMessage(thrown)}`,
        fields: { code: errorCode(thrown) },
      });
    }
    this.#running = null;
  }

  async #inBatches(what: ExpiredRows, expire: (limit: number) => Promise<number>): Promise<void> {
    for (let gone = expireBatchRows; gone === expireBatchRows && !this.#isStopped;) {
      gone = await expire(expireBatchRows);
      this.#parts.expired(what, gone);
    }
  }
}
