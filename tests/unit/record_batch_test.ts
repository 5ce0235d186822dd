/** Records of foreign topics on their way to the gateway: `runtime/node/record_batch.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import { decodeFrame, joinFrame, refusedMarker } from "../../runtime/core/frame.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import type { Piece } from "../../runtime/node/batch.ts";
import { maxPartMessages, maxRecordUnits } from "../../runtime/node/limits.ts";
import { ShardedRecords } from "../../runtime/node/record_batch.ts";

const registry = new Registry([defineActor({
  kind: "note",
  state: jsonState({ schema: z.null(), initial: () => null }),
  message: { version: 1, schema: z.string(), accepts: (value) => typeof value === "string" },
  receive() {},
  queries: {},
})]);

function batchOf(shards: number): { readonly batch: ShardedRecords; readonly sent: (readonly Piece[])[] } {
  const sent: (readonly Piece[])[] = [];
  const batch = new ShardedRecords(registry, shards, "ENTRY", 3, (pieces, isKeyed) => {
    assert.equal(isKeyed, false);
    sent.push(pieces);
    return Promise.resolve();
  });
  return { batch, sent };
}

Deno.test("ShardedRecords.send() gives each shard one frame of its records, and the same when it is called again", async () => {
  const shards = 4;
  const { batch, sent } = batchOf(shards);
  const expected = new Map<number, [number, ...unknown[]][]>();
  const expect = (shard: number, offset: number, ...entry: unknown[]) =>
    expected.set(shard, [...expected.get(shard) ?? [], [offset, ...entry]]);
  for (let offset = 100; offset < 140; offset += 2) {
    for (const id of [`a${offset}`, `b${offset}`]) {
      batch.add(offset, "note", id, id, 10);
      expect(shardOf(id, shards), offset, 0, id, id);
    }
  }
  batch.refuse(141, "malformed", "It is not JSON", "{");
  expect(shardOf("ENTRY/3", shards), 141, refusedMarker, "malformed", ["It is not JSON", "{"]);
  assert.equal(batch.size, 41);
  assert.deepEqual([...batch.refusals], [["malformed", 1]]);
  assert.equal(batch.isFull, false);
  await batch.send();
  await batch.send();
  assert.deepEqual(sent[0], sent[1]);
  const found = new Map(sent[0]!.map(({ shard, types, text, messages, origin }) => {
    assert.ok(origin !== undefined);
    const frame = decodeFrame(joinFrame(origin, types, [text]));
    assert.equal(messages, origin.offsets.length);
    return [shard, origin.offsets.map((offset, at) => [offset, ...frame.entries.slice(at * 3, at * 3 + 3)])];
  }));
  assert.deepEqual(new Map([...found].sort()), new Map([...expected].sort()));
});

Deno.test("ShardedRecords.isFull is true when a shard has as much as a frame may", () => {
  const many = batchOf(1).batch;
  for (let offset = 0; offset < maxPartMessages; offset++) {
    assert.equal(many.isFull, false);
    many.add(offset, "note", "a", "x", 1);
  }
  assert.equal(many.isFull, true);
  const large = batchOf(1).batch;
  large.add(0, "note", "a", "x", maxRecordUnits);
  assert.equal(large.isFull, true);
});
