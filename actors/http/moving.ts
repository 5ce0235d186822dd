/**
 * Which actors moved lately: what the live page shows.
 *
 * 1. At most `maxMovingPerKind` of a kind are followed, however many move.
 * 2. One that moved within `movingHoldMs` is not displaced: among thousands the table stays readable.
 */

import type { Engine, Moving } from "../../runtime/node/engine.ts";
import { maxMovingPerKind, movingHoldMs } from "./limits.ts";

interface Moved {
  /** By id, the one longest unmoved first. */
  readonly atMs: Map<string, number>;
  /** Before this time none is displaced. */
  heldUntilMs: number;
}

export class MovingActors {
  readonly #moved = new Map<string, Moved>();

  constructor(kinds: readonly string[]) {
    for (const kind of kinds) this.#moved.set(kind, { atMs: new Map(), heldUntilMs: 0 });
  }

  /** Cheap enough for each body. A kind that is not shown is ignored. */
  note(kind: string, id: string, nowMs: number = performance.now()): void {
    const moved = this.#moved.get(kind);
    if (moved === undefined) return;
    const { atMs } = moved;
    if (!atMs.delete(id) && atMs.size >= maxMovingPerKind) {
      // Not looked for without need: an iterator first passes over all that was deleted before the oldest.
      if (nowMs < moved.heldUntilMs) return;
      const [oldest] = atMs;
      if (oldest === undefined) return;
      moved.heldUntilMs = oldest[1] + movingHoldMs;
      if (nowMs < moved.heldUntilMs) return;
      atMs.delete(oldest[0]);
    }
    atMs.set(id, nowMs);
  }

  /** The engine for a source whose messages are all to be noted. */
  watch(engine: Pick<Engine, "batch">): Pick<Engine, "batch"> {
    return {
      batch: (key) => {
        const batch = key === undefined ? engine.batch() : engine.batch(key);
        return {
          add: (kind, id, message) => {
            this.note(kind, id);
            batch.add(kind, id, message);
          },
          get size() {
            return batch.size;
          },
          send: () => batch.send(),
        };
      },
    };
  }

  /** By kind, the latest first. */
  list(): Moving[] {
    return [...this.#moved].flatMap(([kind, { atMs }]) =>
      [...atMs.keys()].reverse().map((id) => ({ kind, id }))
    );
  }
}
