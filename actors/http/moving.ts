/**
 * Which actors moved lately: what the live page shows.
 *
 * 1. At most `maxMovingPerKind` of a kind are followed, however many move.
 * 2. One that moved within `movingHoldMs` is not displaced: among thousands the table stays readable.
 */

import type { Engine, Moving } from "../../runtime/node/engine.ts";
import { maxMovingPerKind, movingHoldMs } from "./limits.ts";

export class MovingActors {
  // By id, the one longest unmoved first.
  readonly #movedAtMs = new Map<string, Map<string, number>>();

  constructor(kinds: readonly string[]) {
    for (const kind of kinds) this.#movedAtMs.set(kind, new Map());
  }

  /** Cheap enough for each body. A kind that is not shown is ignored. */
  note(kind: string, id: string, nowMs: number = performance.now()): void {
    const movedAtMs = this.#movedAtMs.get(kind);
    if (movedAtMs === undefined) return;
    if (!movedAtMs.delete(id) && movedAtMs.size >= maxMovingPerKind) {
      const [oldest] = movedAtMs;
      if (oldest === undefined || nowMs - oldest[1] < movingHoldMs) return;
      movedAtMs.delete(oldest[0]);
    }
    movedAtMs.set(id, nowMs);
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
    return [...this.#movedAtMs].flatMap(([kind, ids]) =>
      [...ids.keys()].reverse().map((id) => ({ kind, id }))
    );
  }
}
