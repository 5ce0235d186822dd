/** What the edge reads of the store, with a deadline: a store that hangs must not hold every request. */

import type { Deadlines } from "../../runtime/node/deadlines.ts";
import type { Store } from "../../runtime/store/port.ts";
import { ProblemError } from "./problem.ts";

export type StoreReads = Pick<Store, "list" | "countActors" | "history" | "deadLetters" | "deadLetter">;

/** The engine's `store`, looked up at each call. */
export function storeReads(engine: { readonly store: StoreReads }, deadlines: Deadlines): StoreReads {
  const within = <T>(reading: Promise<T>) => deadlines.within(reading, () => storeIsLate(deadlines));
  return {
    list: (...args) => within(engine.store.list(...args)),
    countActors: () => within(engine.store.countActors()),
    history: (...args) => within(engine.store.history(...args)),
    deadLetters: (filter) => within(engine.store.deadLetters(filter)),
    deadLetter: (id) => within(engine.store.deadLetter(id)),
  };
}

export function storeIsLate({ deadlineMs }: Deadlines): ProblemError {
  const detail = `The store has not answered within ${deadlineMs / 1000} s.`;
  return new ProblemError("no-answer-in-time", detail, {
    headers: { "retry-after": "1" },
    members: { waiting: { type: "store", waitedMs: deadlineMs } },
  });
}
