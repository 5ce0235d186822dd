/**
 * A control on its way into the log: it goes to its actor as a message does, and waits its turn.
 *
 * 1. Under a key it goes as a part of its own: repeated under the same key, it is folded once. Without one a repeat
 *    changes nothing either, unless the actor was suspended again in between.
 */

import { createHash } from "node:crypto";
import type { Address } from "../core/actor.ts";
import { type Control, controlBody, controlType, replyBody, type ServiceReply } from "../core/control.ts";
import { encodeEntries, partMarker } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Piece } from "./batch.ts";

export function controlPiece(
  { kind, id }: Address,
  control: Control,
  key: string | null,
  shardCount: number,
): Piece {
  const entry = [0, id, controlBody(control)];
  // A body's hash begins with a number, a replay's with its word: none of them can mean the same.
  const text = `${control} ${kind}/${id} under ${key}`;
  const part = key === null
    ? []
    : [partMarker, createHash("sha256").update(text).digest("hex").slice(0, 16), 1];
  return {
    shard: shardOf(id, shardCount),
    types: [controlType(kind)],
    text: encodeEntries([...part, ...entry]),
    messages: 1,
    target: { kind, id },
  };
}

/** What a service replied, on its way to the actor that asked. */
export function replyPiece(target: Address, reply: ServiceReply, shardCount: number): Piece {
  const { kind, id } = target;
  return {
    shard: shardOf(id, shardCount),
    types: [controlType(kind)],
    text: encodeEntries([0, id, replyBody(reply)]),
    messages: 1,
    target,
  };
}
