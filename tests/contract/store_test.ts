/** The contract of port `Store` over its embedded and in-memory adapters. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { compareBytes } from "../../runtime/store/byte_order.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import type { Store } from "../../runtime/store/port.ts";
import { RemoteStore } from "../../runtime/store/remote_store.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { startStoreThread } from "../../runtime/store/start_store_thread.ts";
import { storeContract } from "./store_contract.ts";
import { shardCount } from "./store_fixtures.ts";
import type { StoreFixture } from "./store_tests.ts";

/** A store that is open now, and how to close all of it. */
interface Open {
  readonly store: Store;
  close(): Promise<void>;
}

async function fixtureOf(open: () => Promise<Open>, remove: () => Promise<void>): Promise<StoreFixture> {
  let current = await open();
  return {
    store: current.store,
    reopen: async () => {
      await current.close();
      current = await open();
      return current.store;
    },
    dispose: async () => {
      await current.close();
      await remove();
    },
  };
}

async function onDisk(open: (path: string) => Promise<Open>): Promise<StoreFixture> {
  const folder = await Deno.makeTempDir({ prefix: "store-" });
  return fixtureOf(() => open(join(folder, "store.db")), () => Deno.remove(folder, { recursive: true }));
}

storeContract("MemoryStore", () => {
  const core = new MemoryStoreCore(shardCount);
  const open = () => {
    const store = new MemoryStore(core);
    return Promise.resolve({ store, close: () => store.close() });
  };
  return fixtureOf(open, () => Promise.resolve());
});

storeContract("SqliteStore", () =>
  onDisk((path) => {
    const store = new SqliteStore({ path, shards: shardCount });
    return Promise.resolve({ store, close: () => store.close() });
  }));

storeContract("RemoteStore", () =>
  onDisk(async (path) => {
    const thread = startStoreThread({ type: "sqlite", path, shards: shardCount });
    await thread.ready;
    const store = new RemoteStore(thread.connect());
    const close = async () => {
      await store.close();
      await thread.close();
    };
    return { store, close };
  }));

Deno.test("compareBytes() orders as the bytes of UTF-8 do", () => {
  const text = fc.string({ unit: "binary", maxLength: 20 }).filter((value) => value.isWellFormed());
  fc.assert(fc.property(text, text, (a, b) => {
    assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }));
});
