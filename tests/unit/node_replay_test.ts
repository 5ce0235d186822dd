import assert from "node:assert/strict";
import { decodeFrame, joinFrame, partMarker, replayMarker } from "../../runtime/core/frame.ts";
import type { StoredDeadLetter } from "../../runtime/core/checkpoint.ts";
import { controlPiece } from "../../runtime/node/control.ts";
import { mayReplay, replayPiece } from "../../runtime/node/replay.ts";

const letter: StoredDeadLetter = {
  id: "3-7-t1-0-0",
  shard: 3,
  topic: "mailbox",
  offset: 7,
  kind: "sensor",
  actorId: "a/é",
  reason: "threw",
  detail: "it threw",
  stack: null,
  message: '[null,null,{"x":1}]',
  messageVersion: 4,
  atMs: 1000,
  replays: 2,
  replayedAtMs: null,
};

Deno.test("replayPiece() keeps the version that the message died in, and keys the part by letter and replay", () => {
  const entriesOf = (replayed: StoredDeadLetter) => {
    const { types, text } = replayPiece(replayed, 8);
    return decodeFrame(joinFrame({ type: "tick", epoch: 1 }, types, [text]));
  };
  const { types, entries } = entriesOf(letter);
  assert.deepEqual(types, [["sensor", 4]]);
  const [marker, hash, count, ...rest] = entries;
  assert.deepEqual([marker, count], [partMarker, 2]);
  assert.match(String(hash), /^[0-9a-f]{16}$/);
  assert.deepEqual(rest, [replayMarker, letter.id, 3, 0, "a/é", [null, null, { x: 1 }]]);
  assert.equal(entriesOf(letter).entries[1], hash, "asked again, it is the same");
  assert.notEqual(entriesOf({ ...letter, replays: 3 }).entries[1], hash);
  assert.notEqual(entriesOf({ ...letter, id: "3-7-t1-0-1" }).entries[1], hash);
});

Deno.test("mayReplay() is false when the message was folded after all, or died too often", () => {
  assert.equal(mayReplay(letter), true);
  assert.equal(mayReplay({ ...letter, replayedAtMs: 2000 }), false);
  assert.equal(mayReplay({ ...letter, replays: 9 }), true);
  assert.equal(mayReplay({ ...letter, replays: 10 }), false);
});

Deno.test("controlPiece() is an entry of version 0, and a part of its own when it has a key", () => {
  const entriesOf = (...args: Parameters<typeof controlPiece>) => {
    const { types, text } = controlPiece(...args);
    return decodeFrame(joinFrame({ type: "tick", epoch: 1 }, types, [text]));
  };
  const target = { kind: "sensor", id: "a/é" };
  const { types, entries } = entriesOf(target, "resume", null, 8);
  assert.deepEqual(types, [["sensor", 0]]);
  assert.deepEqual(entries, [0, "a/é", { control: "resume" }]);
  const [marker, hash, count, ...rest] = entriesOf(target, "discard", "k", 8).entries;
  assert.deepEqual([marker, count], [partMarker, 1]);
  assert.match(String(hash), /^[0-9a-f]{16}$/);
  assert.deepEqual(rest, [0, "a/é", { control: "discard" }]);
  assert.equal(entriesOf(target, "discard", "k", 8).entries[1], hash);
  for (const other of [entriesOf(target, "resume", "k", 8), entriesOf(target, "discard", "l", 8)]) {
    assert.notEqual(other.entries[1], hash);
  }
});
