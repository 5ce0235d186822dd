/**
 * Gathers the commits of a host's shards, so that the store makes them in one transaction.
 *
 * 1. Nothing is sent before `flush`; one call carries everything added since the last.
 * 2. A call that fails for a reason that may pass fails each of its checkpoints: whoever added one decides whether to
 *    add it again. One that fails for good is made again for each checkpoint alone: a broken one fails by itself.
 * 3. A store that takes no checkpoints is told of, and that it takes them again; see `trouble.ts`.
 */

import type { Checkpoint, CommitResult } from "../core/checkpoint.ts";
import { errorMessage, invariant } from "../core/errors.ts";
import type { Store } from "../store/port.ts";
import { errorCode, isPassing } from "./retry.ts";
import type { Trouble } from "./trouble.ts";

interface Waiting {
  readonly checkpoint: Checkpoint;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

export class CommitGroup {
  readonly #store: Pick<Store, "commit">;
  readonly #trouble: Pick<Trouble, "failed" | "succeeded">;
  #waiting: Waiting[] = [];

  constructor(store: Pick<Store, "commit">, trouble: Pick<Trouble, "failed" | "succeeded">) {
    this.#store = store;
    this.#trouble = trouble;
  }

  add(checkpoint: Checkpoint): Promise<CommitResult> {
    return new Promise((resolve, reject) => this.#waiting.push({ checkpoint, resolve, reject }));
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    const group = this.#waiting;
    this.#waiting = [];
    void this.#commit(group);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#store.commit(group.map(({ checkpoint }) => checkpoint));
      this.#trouble.succeeded();
      invariant(results.length === group.length, "A store answers every checkpoint of a commit");
      group.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (thrown) {
      const code = errorCode(thrown);
      if (isPassing(code)) {
        const reason = errorMessage(thrown).replace(/\.$/, "");
        this.#trouble.failed(
          code,
          `${reason}. Folding goes on meanwhile, and the checkpoints are tried again.`,
        );
      }
      if (group.length === 1 || isPassing(code)) {
        for (const { reject } of group) reject(thrown);
      } else {
        for (const waiting of group) await this.#commit([waiting]);
      }
    }
  }
}
