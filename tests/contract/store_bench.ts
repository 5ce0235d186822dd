/**
 * Measures the embedded store: `deno run --allow-all tests/contract/store_bench.ts`. Updates of hot rows, loads,
 * history inserts.
 */

import { join } from "node:path";
import { packRows } from "../../runtime/core/bytes.ts";
import type { Checkpoint, Claim, SnapshotBatch } from "../../runtime/core/checkpoint.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { checkpoint, shardCount } from "./store_fixtures.ts";

const batch = 10_000;

function randomRows(count: number, bytes: number) {
  const all = new Uint8Array(count * bytes);
  for (let at = 0; at < all.length; at += 65_536) crypto.getRandomValues(all.subarray(at, at + 65_536));
  return { bytes: all, ends: Array.from({ length: count }, (_, index) => (index + 1) * bytes) };
}

function snapshots(ids: readonly string[]): SnapshotBatch {
  return {
    kinds: ids.map(() => "sensor"),
    ids,
    dueMs: ids.map(() => null),
    hot: randomRows(ids.length, 400),
    coldOf: [],
    cold: packRows([]),
  };
}

function history(round: number): Checkpoint["history"] {
  const indexes = Array.from({ length: batch }, (_, index) => index);
  return {
    kinds: indexes.map(() => "sensor"),
    ids: indexes.map(() => `sensor-${Math.floor(Math.random() * batch)}`),
    stepMs: indexes.map(() => 300_000),
    // Distinct rows, nearly ordered in time, as live panes are.
    startMs: indexes.map((index) => 1_700_000_000_000 + round * batch + index),
    parts: indexes.map(() => 0),
    rows: randomRows(batch, 600),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const show = (index: number) => `${sorted[index]!.toFixed(1)} ms`;
  console.log(`${what}: median ${show(sorted.length >> 1)}, min ${show(0)}, max ${show(sorted.length - 1)}`);
}

async function measure(store: SqliteStore): Promise<void> {
  const claim: Claim = await store.claim(0, "bench");
  let commit = 0;
  const next = (parts: Partial<Checkpoint>) => ({ ...checkpoint({ ...claim, commit: commit++ }), ...parts });
  const ids = Array.from({ length: 5 * batch }, (_, index) => `sensor-${index * 7919 % 1_000_003}`);
  for (const live of [batch, 5 * batch]) {
    await store.commit([next({ snapshots: snapshots(ids.slice(0, live)) })]);
    const commits: number[] = [];
    const loads: number[] = [];
    for (let round = 0; round < 15; round++) {
      const some = ids.slice(0, live).sort(() => Math.random() - 0.5).slice(0, batch);
      const update = next({ snapshots: snapshots(some) });
      commits.push(await timed(() => store.commit([update])));
      loads.push(await timed(() => store.load(0, some.map((id) => ({ kind: "sensor", id })))));
    }
    report(`commit of ${batch} hot rows of 400 B among ${live}`, commits);
    report(`load of ${batch} among ${live}`, loads);
  }
  const inserts: number[] = [];
  for (let round = 0; round < 20; round++) {
    const rows = next({ history: history(round) });
    inserts.push(await timed(() => store.commit([rows])));
  }
  report(`commit of ${batch} history rows of 600 B, up to ${20 * batch} rows`, inserts);
}

const folder = await Deno.makeTempDir({ prefix: "store-" });
const store = new SqliteStore({ path: join(folder, "store.db"), shards: shardCount });
await measure(store);
await store.close();
await Deno.remove(folder, { recursive: true });
