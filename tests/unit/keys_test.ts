import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyMemory } from "../../runtime/core/keys.ts";

const hashOf = (n: number) => n.toString(16).padStart(16, "0");

Deno.test("KeyMemory.has() is true exactly within the retention when keys come and time goes on", () => {
  const steps = fc.array(fc.record({ key: fc.nat(200), afterMs: fc.nat(400) }), { maxLength: 300 });
  fc.assert(fc.property(steps, (all) => {
    const retentionMs = 1000;
    const keys = new KeyMemory(retentionMs);
    const model = new Map<number, number>();
    let nowMs = 1;
    for (const { key, afterMs } of all) {
      nowMs += afterMs;
      const addedMs = model.get(key);
      const expected = addedMs !== undefined && nowMs - addedMs <= retentionMs;
      assert.equal(keys.has(hashOf(key), nowMs), expected);
      if (!expected) {
        keys.add(hashOf(key), nowMs);
        model.set(key, nowMs);
      }
      keys.expire(nowMs);
    }
  }));
});

Deno.test("KeyMemory.restore() remembers what takeIncrement() gave", () => {
  const first = new KeyMemory(1000);
  for (let n = 0; n < 5000; n++) first.add(hashOf(n * 7919), 10 + n % 3);
  const increment = first.takeIncrement(12)!;
  assert.equal(first.takeIncrement(12), null);
  const second = new KeyMemory(1000);
  second.restore(increment.hashes);
  assert.equal(second.size, 5000);
  for (let n = 0; n < 5000; n++) assert.ok(second.has(hashOf(n * 7919), 1010));
  assert.ok(!second.has(hashOf(1), 12));
});

Deno.test("KeyMemory.expire() frees what is too old", () => {
  const keys = new KeyMemory(800);
  for (let n = 0; n < 100; n++) keys.add(hashOf(n), n * 10);
  keys.expire(100_000);
  assert.equal(keys.size, 0);
});
