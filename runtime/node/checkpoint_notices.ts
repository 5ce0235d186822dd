/** What operators should know of a checkpoint that was made: that it was slow, and that messages died. */

import type { Checkpoint, DeadLetter } from "../core/checkpoint.ts";
import { maxShownDetail, slowCommitMs } from "./limits.ts";
import type { Notice } from "./notice.ts";

/** @param durationMs from making it until it was confirmed */
export function checkpointNotices(component: string, checkpoint: Checkpoint, durationMs: number): Notice[] {
  const { shard, commit, snapshots, deadLetters } = checkpoint;
  const notices: Notice[] = [];
  if (durationMs >= slowCommitMs) {
    notices.push({
      level: "warn",
      component,
      event: "slow-commit",
      message: `Checkpoint ${commit} of shard ${shard}, with ${snapshots.ids.length} actors, took ${
        (durationMs / 1000).toFixed(1)
      } s: the disk of the store is slow, or busy.`,
      fields: { shard, commit, actors: snapshots.ids.length, durationMs: Math.round(durationMs) },
    });
  }
  if (deadLetters.length === 0) return notices;
  for (const [reason, letters] of Map.groupBy(deadLetters, (letter) => letter.reason)) {
    notices.push(deadLetterNotice(component, reason, letters));
  }
  return notices;
}

function deadLetterNotice(component: string, reason: string, letters: readonly DeadLetter[]): Notice {
  const { shard, kind, actorId, detail, id } = letters[0]!;
  const others = letters.length === 1 ? "" : `, and ${letters.length - 1} others with it`;
  return {
    level: "warn",
    component,
    event: "dead-letter",
    like: reason,
    message: `A message to ${kind}/${actorId} is a dead letter (${reason})${others}: ${
      detail.slice(0, maxShownDetail)
    }`,
    fields: { reason, shard, kind, letter: id, letters: letters.length },
    times: letters.length,
  };
}
