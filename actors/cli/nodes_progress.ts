/** How the nodes of a launcher go, all together. Sums never go down: what a dead process had counted stays in them. */

import type { NodeProgress } from "../../runtime/node/process_link.ts";
import type { Progress } from "./live_summary.ts";

export class NodesProgress {
  #past: Progress = { accepted: 0, deadLetters: 0 };
  /** By node: what its process said last. */
  readonly #now = new Map<string, NodeProgress>();
  #actors: number | null = null;

  hear(id: string, progress: NodeProgress): void {
    this.#now.set(id, progress);
    this.#actors = progress.actors ?? this.#actors;
  }

  /** The node's process is gone: what its next one says begins at 0. */
  ended(id: string): void {
    const last = this.#now.get(id);
    if (last !== undefined) this.#past = add(this.#past, last);
    this.#now.delete(id);
  }

  totals(): Progress {
    return [...this.#now.values()].reduce(add, this.#past);
  }

  /** Null before they were first counted. */
  get actors(): number | null {
    return this.#actors;
  }
}

function add(a: Progress, b: Progress): Progress {
  return { accepted: a.accepted + b.accepted, deadLetters: a.deadLetters + b.deadLetters };
}
