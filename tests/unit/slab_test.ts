import assert from "node:assert/strict";
import fc from "fast-check";
import { frontClass, recordClass, SlabPool } from "../../actors/analytics/slab.ts";

Deno.test("SlabPool.allocate() hands out zeroed blocks that do not overlap", () => {
  const pool = new SlabPool({ chunkBytes: 512 });
  const blocks = Array.from({ length: 40 }, () => pool.allocate(frontClass));
  const doubles = pool.blockBytes(frontClass) / 8;
  blocks.forEach((block, i) => {
    const at = pool.doubleAt(frontClass, block);
    pool.chunk(frontClass, block).f64.fill(i + 1, at, at + doubles);
  });
  const contents = (block: number) => {
    const at = pool.doubleAt(frontClass, block);
    return [...pool.chunk(frontClass, block).f64.subarray(at, at + doubles)];
  };
  blocks.forEach((block, i) => assert.deepEqual(contents(block), new Array(doubles).fill(i + 1)));
  assert.equal(pool.usedBytes, 40 * doubles * 8);
  blocks.forEach((block) => pool.release(frontClass, block));
  assert.equal(pool.usedBytes, 0);
  assert.deepEqual(contents(pool.allocate(frontClass)), new Array(doubles).fill(0));
});

Deno.test("SlabPool.release() gives chunks without owners back, but for one, and their numbers are used again", () => {
  const pool = new SlabPool({ chunkBytes: 512, maxSpareBytes: 0 });
  fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 200, size: "max" }), (picks) => {
    const owned = new Set<number>();
    for (const pick of picks) {
      if (pick % 5 < 3) {
        const block = pool.allocate(frontClass);
        assert.ok(!owned.has(block), "a block has one owner");
        pool.chunk(frontClass, block).f64[pool.doubleAt(frontClass, block)] = block;
        owned.add(block);
      } else if (owned.size > 0) {
        const block = [...owned][pick % owned.size]!;
        assert.equal(pool.chunk(frontClass, block).f64[pool.doubleAt(frontClass, block)], block);
        pool.release(frontClass, block);
        owned.delete(block);
      }
    }
    assert.equal(pool.usedBytes, owned.size * pool.blockBytes(frontClass));
    for (const block of owned) pool.release(frontClass, block);
    assert.ok(pool.chunkTotalBytes <= 512);
  }));
});

Deno.test("SlabPool.allocate() takes a chunk that another class left, zeroed, before one from the system", () => {
  const pool = new SlabPool({ chunkBytes: 512 });
  const fronts = Array.from({ length: 21 }, () => pool.allocate(frontClass));
  for (const block of fronts) {
    const at = pool.doubleAt(frontClass, block);
    pool.chunk(frontClass, block).f64.fill(7, at, at + pool.blockBytes(frontClass) / 8);
  }
  for (const block of fronts) pool.release(frontClass, block);
  assert.equal(pool.chunkTotalBytes, 3 * 512);
  const records = Array.from({ length: 16 }, () => pool.allocate(recordClass));
  assert.equal(pool.chunkTotalBytes, 3 * 512);
  for (const block of records) {
    const at = pool.doubleAt(recordClass, block);
    const doubles = pool.chunk(recordClass, block).f64.subarray(at, at + pool.blockBytes(recordClass) / 8);
    assert.ok(doubles.every((double) => double === 0));
  }
});
