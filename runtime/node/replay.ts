/** A dead letter's message on its way back into the log. */

import type { StoredDeadLetter } from "../core/checkpoint.ts";
import { encodeEntries, replayMarker, type WireType } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Registry } from "../core/registry.ts";
import type { Piece } from "./batch.ts";

/** A frame's piece with the letter's message, in a frame of its own when the letter's kind is not known any more. */
export function replayPiece(letter: StoredDeadLetter, registry: Registry, shardCount: number): Piece {
  const { id, kind, actorId, message, replays } = letter;
  const known = registry.indexOf(kind);
  const types: readonly WireType[] = known >= 0 ? registry.wireTypes : [[kind, 1]];
  const marker = encodeEntries([replayMarker, id, replays]);
  const address = encodeEntries([Math.max(known, 0), actorId]);
  return { shard: shardOf(actorId, shardCount), types, text: `${marker},${address},${message}`, messages: 1 };
}
