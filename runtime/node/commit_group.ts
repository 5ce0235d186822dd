/**
 * Gathers the commits of a host's shards, so that the store makes them in one transaction.
 *
 * 1. Nothing is sent before `flush`; one call carries everything added since the last.
 * 2. A call that fails for a reason that may pass fails each of its checkpoints: whoever added one decides whether to
 *    add it again. One that fails for good is made again for each checkpoint alone: a broken one fails by itself.
 * 3. What was added of a shard and not sent yet is never sent once it is withdrawn.
 * 4. A store that takes no checkpoints is told of, and that it takes them again; see `trouble.ts`.
 */

import type { Checkpoint, CommitResult } from "../core/checkpoint.ts";
import { errorMessage, invariant } from "../core/errors.ts";
import type { Store } from "../store/port.ts";
import { errorCode, isPassing } from "./retry.ts";
import type { Trouble } from "./trouble.ts";

interface Waiting {
  readonly checkpoint: Checkpoint;
  isWithdrawn: boolean;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

export class CommitGroup {
  readonly #store: Pick<Store, "commit">;
  readonly #trouble: Pick<Trouble, "failed" | "succeeded">;
  #waiting: Waiting[] = [];
  /** Those that wait, and those under way. */
  readonly #open = new Set<Waiting>();

  constructor(store: Pick<Store, "commit">, trouble: Pick<Trouble, "failed" | "succeeded">) {
    this.#store = store;
    this.#trouble = trouble;
  }

  add(checkpoint: Checkpoint): Promise<CommitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>();
    const waiting: Waiting = { checkpoint, isWithdrawn: false, resolve, reject };
    this.#waiting.push(waiting);
    this.#open.add(waiting);
    return promise.finally(() => this.#open.delete(waiting));
  }

  /** Sends no checkpoint of the shard that was added before: they fail, unless they are under way. */
  withdraw(shard: number): void {
    for (const waiting of this.#open) if (waiting.checkpoint.shard === shard) waiting.isWithdrawn = true;
    this.#waiting = withoutWithdrawn(this.#waiting);
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
        for (const waiting of group) {
          const left = withoutWithdrawn([waiting]);
          if (left.length > 0) await this.#commit(left);
        }
      }
    }
  }
}

/** The others; those withdrawn fail. */
function withoutWithdrawn(group: readonly Waiting[]): Waiting[] {
  return group.filter(({ isWithdrawn, checkpoint, reject }) => {
    if (isWithdrawn) reject(new Error(`Shard ${checkpoint.shard} left before its checkpoint was sent`));
    return !isWithdrawn;
  });
}
