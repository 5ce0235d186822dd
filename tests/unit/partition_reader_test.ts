import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Fetched } from "../../runtime/log/kafka/feed.ts";
import { PartitionReader, type Reader } from "../../runtime/log/kafka/partition_reader.ts";
import type { LogError } from "../../runtime/log/port.ts";

/** Frames `from` to before `end`, as a fetch from there brings them. */
const fetch = (from: number, end: number, bytes = 10): Fetched => ({
  from,
  next: end,
  messages: Array.from({ length: end - from }, (_, place) => ({
    offset: String(from + place),
    timestamp: "0",
    key: null,
    value: Buffer.from("x".repeat(bytes)),
  })),
});

function add(partition: PartitionReader, next: number) {
  const offsets: number[] = [];
  const ends: LogError[] = [];
  const reader: Reader = {
    deliver: (delivered) => offsets.push(...delivered.map(({ offset }) => offset)),
    failed: (error) => ends.push(error),
    next,
    creditBytes: 0,
  };
  partition.add(reader);
  return { reader, offsets, ends };
}

Deno.test("PartitionReader delivers within the credit plus one frame, and the rest on a grant (1, 2)", () => {
  const partition = new PartitionReader(3);
  const { reader, offsets } = add(partition, 0);
  assert.equal(partition.wanted(), null);
  partition.grant(reader, 15);
  assert.equal(partition.wanted(), 0);
  partition.fetched(fetch(0, 5));
  assert.deepEqual(offsets, [0, 1]);
  assert.equal(partition.wanted(), null);
  partition.grant(reader, 100);
  assert.deepEqual(offsets, [0, 1, 2, 3, 4]);
  assert.equal(partition.wanted(), 5);
});

Deno.test("PartitionReader serves readers of different offsets, each frame once (1)", () => {
  const partition = new PartitionReader(3);
  const [ahead, behind] = [add(partition, 4), add(partition, 1)];
  partition.grant(ahead.reader, 1000);
  partition.grant(behind.reader, 1000);
  assert.equal(partition.wanted(), 1);
  partition.fetched(fetch(1, 6));
  partition.fetched(fetch(4, 8));
  assert.deepEqual(ahead.offsets, [4, 5, 6, 7]);
  assert.deepEqual(behind.offsets, [1, 2, 3, 4, 5, 6, 7]);
});

Deno.test("PartitionReader keeps about a fetch for a reader without credit, which then fetches again (2)", () => {
  const partition = new PartitionReader(3);
  const [fast, slow] = [add(partition, 0), add(partition, 0)];
  partition.grant(fast.reader, 1 << 30);
  for (let from = 0; from < 40; from += 4) partition.fetched(fetch(from, from + 4, 100_000));
  assert.equal(fast.offsets.length, 40);
  partition.grant(slow.reader, 1);
  assert.equal(slow.offsets.length, 0);
  assert.equal(partition.wanted(), 0);
});

Deno.test("PartitionReader fetches a gap again once, then says which records are missing (3)", () => {
  const partition = new PartitionReader(3);
  const { reader, offsets, ends } = add(partition, 2);
  partition.grant(reader, 1000);
  partition.fetched(fetch(5, 7));
  assert.equal(partition.wanted(), 2);
  assert.equal(ends.length, 0);
  partition.fetched(fetch(5, 7));
  assert.deepEqual(offsets, []);
  assert.deepEqual(ends.map(({ code }) => code), ["out_of_range"]);
  assert.match(ends[0]?.message ?? "", /Records 2\.\.4 of shard 3 are missing/);
  assert.equal(partition.wanted(), null);
});
