/** From a message that is not folded to its dead letter. */

import type { DeadLetter } from "./checkpoint.ts";
import type { Place } from "./place.ts";
import type { Turn } from "./turn.ts";

/** Why a message is put among the dead letters. */
export interface Death {
  /** A short label. */
  readonly reason: string;
  readonly detail: string;
  readonly stack?: string | null;
  /** Of the message, where it is not the present one of its kind. */
  readonly version?: number;
}

/** The message at this place is not folded but put among the dead letters. */
export interface Skip extends Death {
  readonly place: Place;
}

/** A behaviour threw. */
export class TurnFailure extends Error {
  override readonly name = "TurnFailure";
  constructor(readonly skip: Skip) {
    super(skip.detail);
  }
}

/** The letter of the turn's message; `version`: the present one of its kind's messages. */
export function deadLetter(shard: number, turn: Turn, version: number, death: Death): DeadLetter {
  const { topic, offset, timer, step, self, message, replay, nowMs } = turn;
  const entry = timer === "" ? turn.index : `t${turn.timerNumber}`;
  const letter = turn.letters++;
  return {
    id: replay !== null && letter === 0 ? replay.letter : `${shard}-${offset}-${entry}-${step}-${letter}`,
    shard,
    topic,
    offset,
    kind: self.kind,
    actorId: self.id,
    reason: death.reason,
    detail: death.detail,
    stack: death.stack ?? null,
    message: JSON.stringify(message),
    messageVersion: death.version ?? version,
    atMs: nowMs,
    replays: replay?.replays ?? 0,
  };
}
