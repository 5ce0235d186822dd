/** What the parts of the contract of port `Store` are written with. */

import assert from "node:assert/strict";
import type { Address } from "../../runtime/core/actor.ts";
import type { Store } from "../../runtime/store/port.ts";
import { checkpoint, type CheckpointParts } from "./store_fixtures.ts";

/** One store for one test. */
export interface StoreFixture {
  readonly store: Store;
  /** Closes the store and opens what it left behind. */
  reopen(): Promise<Store>;
  dispose(): Promise<void>;
}

export type Body = (store: Store, fixture: StoreFixture) => Promise<void>;
export type Test = (name: string, body: Body) => void;

export const sensor = (id: string): Address => ({ kind: "sensor", id });

/** Claims shard 0 and commits `parts` one after another. */
export async function commitAll(store: Store, ...parts: CheckpointParts[]): Promise<void> {
  const claim = await store.claim(0, "test");
  for (const [index, part] of parts.entries()) {
    const results = await store.commit([checkpoint({ ...claim, commit: claim.commit + index }, part)]);
    assert.deepEqual(results, ["committed"]);
  }
}
