/** Numbers in brackets are those of `runtime/log/kafka/record_reader.ts`. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { RecordFrame } from "../../runtime/core/log_frame.ts";
import type { Fetched } from "../../runtime/log/kafka/feed.ts";
import { RecordReader } from "../../runtime/log/kafka/record_reader.ts";

/** What a fetch from `from` brings that holds the records of these offsets. */
const fetch = (from: number, offsets: readonly number[], next: number, bytes = 10): Fetched => ({
  from,
  next,
  messages: offsets.map((offset) => ({
    offset: String(offset),
    timestamp: "0",
    key: Buffer.from(`k${offset}`),
    value: Buffer.from("x".repeat(bytes)),
  })),
});

function rig(from: number) {
  const said: string[] = [];
  const frames: RecordFrame[] = [];
  let asked = 0;
  const partition = new RecordReader("readings", 3, (sentence) => said.push(sentence));
  const subscription = partition.open(from, (more) => frames.push(...more), () => asked++);
  const offsets = () => frames.flatMap((frame) => [...frame.offsets]);
  return { partition, subscription, said, frames, offsets, asked: () => asked };
}

Deno.test("RecordReader hands over a fetch whole while there is credit, and wants nothing without (1)", () => {
  const { partition, subscription, frames, offsets, asked } = rig(0);
  assert.equal(partition.wanted(), null);
  subscription.grant(15);
  assert.equal(asked(), 1);
  assert.equal(partition.wanted(), 0);
  partition.fetched(fetch(0, [0, 1, 4], 6));
  assert.deepEqual(offsets(), [0, 1, 4]);
  assert.equal(partition.wanted(), null);
  partition.fetched(fetch(6, [6], 7));
  assert.deepEqual(offsets(), [0, 1, 4], "it has no credit");
  subscription.grant(100);
  assert.equal(partition.wanted(), 6, "behind what compaction and control records left");
  partition.fetched(fetch(4, [4, 6, 7], 8));
  assert.deepEqual(offsets(), [0, 1, 4, 6, 7], "none twice");
  assert.deepEqual(frames.map(({ next, removed }) => [next, removed]), [[6, null], [8, null]]);
  subscription.close();
  assert.equal(partition.wanted(), null);
});

Deno.test("RecordReader cuts a fetch into frames of about 64 KiB (1)", () => {
  const { partition, subscription, frames } = rig(0);
  subscription.grant(1);
  const offsets = Array.from({ length: 40 }, (_, offset) => offset);
  partition.fetched(fetch(0, offsets, 41, 5_000));
  assert.deepEqual(frames.map(({ offsets }) => offsets.length), [14, 14, 12]);
  assert.deepEqual(frames.map(({ next }) => next), [14, 28, 41]);
});

Deno.test("RecordReader tells of removed records once, and of none before the first (2)", () => {
  const { partition, subscription, frames } = rig(5);
  subscription.grant(1000);
  partition.fetched(fetch(9, [9], 10));
  assert.deepEqual(frames, [], "what lies before is wanted");
  partition.begins(8);
  assert.equal(partition.wanted(), 8);
  partition.begins(9);
  partition.fetched(fetch(9, [9], 10));
  partition.fetched(fetch(10, [10], 11));
  assert.deepEqual(frames.map(({ removed }) => removed), [{ first: 5, last: 8 }, null]);
  const first = rig(0);
  first.subscription.grant(1000);
  first.partition.begins(7);
  first.partition.fetched(fetch(7, [7], 8));
  assert.deepEqual(first.frames.map(({ removed }) => removed), [null]);
});

Deno.test("RecordReader waits behind a partition's end, says so once, and goes on when it is past it (3)", () => {
  const { partition, subscription, said, offsets } = rig(5);
  subscription.grant(1000);
  assert.equal(partition.ends(5), false);
  assert.equal(partition.ends(3), true);
  assert.equal(partition.wanted(), null);
  assert.equal(partition.ends(4), true);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /^readings\/3 was read up to offset 5 and ends at 3: /);
  assert.equal(partition.ends(6), false);
  assert.equal(partition.wanted(), 5);
  partition.fetched(fetch(5, [5], 6));
  assert.deepEqual(offsets(), [5]);
});
