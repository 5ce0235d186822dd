/** From a message that is not folded to its dead letter. */

import { type DeadLetter, MAILBOX } from "./checkpoint.ts";
import type { SourceOrigin } from "./frame.ts";
import type { Place } from "./place.ts";
import { partitionName } from "./sequence.ts";
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

/** Where a letter says its message is, and the beginning of its id. */
interface LetterPlace {
  readonly topic: string;
  readonly offset: number;
  readonly id: string;
}

/**
 * The place of a record's entry is a function of the record, however often it is read and however it is cut into frames.
 * `shard` tells apart what a record has for several shards, `index` what it has for one.
 */
function recordPlace(
  topic: string,
  partition: number,
  offset: number,
  shard: number,
  index: number,
): LetterPlace {
  const id = `${topic}-${partition}-${offset}-${shard}-${index}`;
  return { topic: partitionName(topic, partition), offset, id };
}

/** Of entry `index` of a frame with records of a foreign topic that were appended to the mailbox. */
function sourcePlace({ topic, partition, offsets }: SourceOrigin, shard: number, index: number): LetterPlace {
  const offset = offsets[index] ?? -1;
  let first = index;
  while (first > 0 && offsets[first - 1] === offset) first--;
  return recordPlace(topic, partition, offset, shard, index - first);
}

function placeOf({ topic, offset, timer, timerNumber, index, source }: Turn, shard: number): LetterPlace {
  if (timer !== "") return { topic, offset, id: `${shard}-${offset}-t${timerNumber}` };
  if (source !== null) return sourcePlace(source, shard, index);
  if (topic !== MAILBOX) return recordPlace(topic, shard, offset, shard, index);
  return { topic, offset, id: `${shard}-${offset}-${index}` };
}

/** The letter of a record that is no message, at the turn's place; see `refusedMarker`. */
export function refusedRecord(
  shard: number,
  turn: Turn,
  { reason, detail }: Death,
  beginning: string,
): DeadLetter {
  return {
    ...placeOf(turn, shard),
    shard,
    kind: "",
    actorId: "",
    reason,
    detail,
    stack: null,
    message: JSON.stringify(beginning),
    messageVersion: 0,
    atMs: turn.nowMs,
    replays: 0,
  };
}

/** The letter of the turn's message; `version`: the present one of its kind's messages. */
export function deadLetter(shard: number, turn: Turn, version: number, death: Death): DeadLetter {
  const { step, self, message, replay, nowMs } = turn;
  const { topic, offset, id } = placeOf(turn, shard);
  const letter = turn.letters++;
  return {
    id: replay !== null && letter === 0 ? replay.letter : `${id}-${step}-${letter}`,
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
