/**
 * Credit for subscriptions, given out in small parts: what a subscriber grants at once reaches the log over some time,
 * so that it is never busy for long.
 */

import type { Subscription } from "../log/port.ts";

interface Paced {
  readonly subscription: Subscription;
  /** Granted by the subscriber, and not given out yet. */
  wantedBytes: number;
}

export class PacedGrants {
  readonly #stepBytes: number;
  readonly #all = new Set<Paced>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** Each subscription gets an equal part of `stepBytes` every `stepMs`. */
  constructor(stepBytes: number, stepMs: number) {
    this.#stepBytes = stepBytes;
    this.#timer = setInterval(() => this.#step(), stepMs);
  }

  /** The same subscription, slower. */
  pace(subscription: Subscription): Subscription {
    const paced: Paced = { subscription, wantedBytes: 0 };
    this.#all.add(paced);
    return {
      grant: (bytes) => void (paced.wantedBytes += bytes),
      close: () => {
        this.#all.delete(paced);
        subscription.close();
      },
    };
  }

  #step(): void {
    for (const paced of this.#all) {
      const bytes = Math.min(paced.wantedBytes, Math.ceil(this.#stepBytes / this.#all.size));
      if (bytes === 0) continue;
      paced.wantedBytes -= bytes;
      paced.subscription.grant(bytes);
    }
  }

  /** Gives out nothing more. */
  close(): void {
    clearInterval(this.#timer);
  }
}
