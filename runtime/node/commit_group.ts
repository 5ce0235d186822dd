/**
 * Gathers the commits of a host's shards, so that the store makes them in one transaction.
 *
 * 1. Nothing is sent before `flush`; one call carries everything added since the last.
 * 2. A call that fails fails each of its checkpoints: whoever added one decides whether to add it again.
 */

import type { Checkpoint, CommitResult } from "../core/checkpoint.ts";
import { invariant } from "../core/errors.ts";
import type { Store } from "../store/port.ts";

interface Waiting {
  readonly checkpoint: Checkpoint;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

export class CommitGroup {
  readonly #store: Pick<Store, "commit">;
  #waiting: Waiting[] = [];

  constructor(store: Pick<Store, "commit">) {
    this.#store = store;
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
      invariant(results.length === group.length, "A store answers every checkpoint of a commit");
      group.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (thrown) {
      for (const { reject } of group) reject(thrown);
    }
  }
}
