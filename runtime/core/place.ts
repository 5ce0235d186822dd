/**
 * Places: where in its shard's log a turn stands. The fold is deterministic, so a place names the same turn in
 * every replay.
 */

/** A turn caused by an entry of a frame, or by a timer that fired before the entries of one. */
export interface Place {
  readonly topic: string;
  /** Of the frame, or of the foreign topic's record. */
  readonly offset: number;
  /** The entry's number in its frame or record; -1 for a timer. */
  readonly index: number;
  /** `due/kind/id/name` of the timer; empty for an entry. */
  readonly timer: string;
  /** 0 for the message itself, then one for each local turn it caused, in order. */
  readonly step: number;
}

/** A readable key, unique per shard. */
export function placeKey({ topic, offset, index, timer, step }: Place): string {
  return timer === "" ? `${topic}.${offset}.${index}.${step}` : `${topic}.${offset}.t.${timer}.${step}`;
}
