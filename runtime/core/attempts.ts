/**
 * Messages that kill their host: what a shard remembers of a turn in which a host died, over claims.
 *
 *     attempts   2 and more   checkpoint after every frame
 *                3 and more   checkpoint right before and right after the entry at the place; the one before says that
 *                             the turn may be open, and is confirmed before it begins
 *                5            the message at the place goes to the dead letters as "killed-host"
 *
 * 1. Only a claim after a host's death inside a turn, or one that finds a place committed as open, raises the attempts;
 *    at another place they begin with 1. Every other claim leaves them alone.
 * 2. A death counts once, however often the claim that tells of it is repeated: it is told by the epoch it happened in.
 * 3. Only a checkpoint past the place ends them (`Isolation`).
 * 4. Entries at other places are folded as ever: what is committed as open is the one place that is recorded, so that
 *    no other message inherits its attempts.
 * 5. A message that is buried stays so until a checkpoint is past it, whichever hosts die at other places before: local
 *    turns of one entry, and the timers before a frame, come between one checkpoint and the next.
 */

import { MAILBOX, type Position, type Positions } from "./checkpoint.ts";

/** A turn in numbers that a thread can leave in shared memory. */
export interface TurnPlace {
  /** The foreign topic whose record it is of; absent for the mailbox. */
  readonly topic?: string;
  /** Of the frame, or of the foreign topic's record. */
  readonly offset: number;
  /** The entry's number in its frame or record; -1 for a timer that fires before the entries. */
  readonly index: number;
  /** Which of the timers before the frame's entries, from 1; 0 for an entry. */
  readonly timer: number;
  /** 0 for the message itself, then one for each local turn it caused, in order. */
  readonly step: number;
}

/** A host died in a turn of the owner of this epoch. */
export interface HostDeath {
  readonly epoch: number;
  readonly place: TurnPlace;
}

/** The deaths at one place. */
export interface Deaths {
  readonly place: TurnPlace;
  readonly attempts: number;
  /** Of the last death that was counted. */
  readonly epoch: number;
}

export interface Attempts extends Deaths {
  /** The turn at the place was next when this was committed, and nothing past it was since: it may be open. */
  readonly isOpen: boolean;
  /** Messages at other places that are buried, and no checkpoint is past them yet; absent when there are none. */
  readonly buried?: readonly Deaths[];
}

/** Is told where a fold is, before every turn; see `turn_board.ts`. */
export interface TurnWitness {
  /** Turns of this frame, or of this record of a foreign topic, follow. `topic`: its number, from 1; 0 for the mailbox. */
  enterFrame(epoch: number, offset: number, topic: number): void;
  /** As in `TurnPlace`. */
  enterTurn(index: number, timer: number, step: number): void;
  /** No turn is under way. */
  leave(): void;
}

export const isolateFramesFrom = 2;
export const isolateMessagesFrom = 3;
export const buryFrom = 5;

export function isSamePlace(one: TurnPlace, other: TurnPlace): boolean {
  return one.offset === other.offset && one.index === other.index && one.timer === other.timer &&
    one.step === other.step && one.topic === other.topic;
}

/**
 * What a claim makes of the attempts in the shard's row.
 *
 * @param lastEpoch the row's epoch before this claim
 * @param death that of the shard's last host; null when it did not die, or outside any turn
 */
export function attemptsAtClaim(
  last: Attempts | null,
  lastEpoch: number,
  death: HostDeath | null,
): Attempts | null {
  const counted = last?.epoch ?? 0;
  const told = death !== null && death.epoch > counted ? death : null;
  const found = last?.isOpen ? { epoch: lastEpoch, place: last.place } : null;
  const next = told ?? found;
  if (next === null) return last;
  const known = deathsOf(last);
  const before = known.find(({ place }) => isSamePlace(place, next.place));
  const deaths = { ...next, attempts: (before?.attempts ?? 0) + 1 };
  return attemptsOf(deaths, false, known.filter((other) => other !== before && isBuried(other)));
}

/** Whether hosts need not try the message again. */
export function isBuried({ attempts }: Deaths): boolean {
  return attempts >= buryFrom;
}

/** All that is known of deaths, the last one's place at the end. */
export function deathsOf(attempts: Attempts | null): readonly Deaths[] {
  if (attempts === null) return [];
  const { place, attempts: times, epoch, buried = [] } = attempts;
  return [...buried, { place, attempts: times, epoch }];
}

export function attemptsOf(last: Deaths, isOpen: boolean, buried: readonly Deaths[]): Attempts {
  return buried.length === 0 ? { ...last, isOpen } : { ...last, isOpen, buried };
}

const nowhere: Position = { offset: -1, index: 0 };

/** Whether a shard that stands at `positions` has the turn at `place` behind it. */
export function isPast(place: Pick<TurnPlace, "topic" | "offset" | "index">, positions: Positions): boolean {
  const { offset, index } = positions[place.topic ?? MAILBOX] ?? nowhere;
  return place.offset <= offset || (place.offset === offset + 1 && index > 0 && place.index < index);
}
