import assert from "node:assert/strict";
import { MemoryHotState } from "../../runtime/hot/memory_hot.ts";
import type { HotEntry } from "../../runtime/hot/port.ts";
import { hotContract } from "./hot_contract.ts";

hotContract("MemoryHotState", () => Promise.resolve(new MemoryHotState()));

function entry(key: string, jsonLength: number): HotEntry {
  return { key, epoch: 1, position: 1, records: 0, atMs: 0, json: "x".repeat(jsonLength) };
}

async function keptOf(hot: MemoryHotState, keys: readonly string[]): Promise<string[]> {
  const kept: string[] = [];
  for (const key of keys) if (await hot.get(key) !== null) kept.push(key);
  return kept;
}

Deno.test("MemoryHotState put() drops the least recently used when the bound is reached", async () => {
  const hot = new MemoryHotState(4000);
  await hot.put(["a", "b", "c"].map((key) => entry(key, 500)));
  await hot.get("a");
  await hot.put([entry("d", 500)]);
  assert.deepEqual(await keptOf(hot, ["a", "b", "c", "d"]), ["a", "c", "d"]);
});

Deno.test("MemoryHotState put() keeps neither old nor new when the new one exceeds the bound", async () => {
  const hot = new MemoryHotState(4000);
  await hot.put([entry("a", 10), entry("b", 10)]);
  await hot.put([entry("a", 5000)]);
  assert.deepEqual(await keptOf(hot, ["a", "b"]), ["b"]);
});

Deno.test("MemoryHotState put() counts a replaced entry once", async () => {
  const hot = new MemoryHotState(4000);
  await hot.put([entry("a", 500)]);
  for (let i = 0; i < 100; i++) await hot.put([entry("b", 500)]);
  assert.deepEqual(await keptOf(hot, ["a", "b"]), ["a", "b"]);
});
