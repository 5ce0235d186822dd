/**
 * A dead letter's message on its way back into the log.
 *
 * 1. It goes as a part of its own, keyed by the letter and the number of the replay: however often the same replay is
 *    asked for, the shard folds it once. What becomes of it the shard notes in the letter, in the checkpoint of its
 *    turn; until then the letter is dead, and to ask again is to ask for the same replay.
 * 2. The key is remembered for `keyRetentionMs` of log time, so a shard that has not made a checkpoint for so long
 *    could fold a replay twice.
 */

import { createHash } from "node:crypto";
import type { StoredDeadLetter } from "../core/checkpoint.ts";
import { encodeEntries, partMarker, replayMarker } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Piece } from "./batch.ts";
import { maxReplays } from "./limits.ts";

/** False for a message that was folded after all, for one that has died often enough, and for what is no message. */
export function mayReplay({ kind, replayedAtMs, replays }: StoredDeadLetter): boolean {
  return kind !== "" && replayedAtMs === null && replays < maxReplays;
}

/** The next replay as a piece: in the version that it died in, and so in a frame of its own. */
export function replayPiece(letter: StoredDeadLetter, shardCount: number): Piece {
  const { id, kind, actorId, message, messageVersion } = letter;
  const replays = letter.replays + 1;
  // A body's hash begins with a number: the two cannot mean the same.
  const hash = createHash("sha256").update(`replay ${replays} of ${id}`).digest("hex").slice(0, 16);
  const before = encodeEntries([partMarker, hash, 2, replayMarker, id, replays]);
  return {
    shard: shardOf(actorId, shardCount),
    types: [[kind, messageVersion]],
    text: `${before},0,${JSON.stringify(actorId)},[${message}]`,
    messages: 1,
    target: { kind, id: actorId },
  };
}
