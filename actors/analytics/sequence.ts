/**
 * Which of a sender's numbers were seen: the highest, and a window of the 256 up to it.
 *
 * 1. Every number inside the window is "new" exactly once.
 * 2. A number below the window is "older": whether it was seen is not known any more.
 *
 * The bit of number n is n mod 256, so nothing is shifted when the highest moves on.
 */

import { clearBit, hasBit, setBit } from "./bits.ts";

const sequenceWindow = 256;
export const sequenceWords = sequenceWindow / 32;

/** `highest` before any number was seen. */
export const noSequence = -1;

export type SequenceVerdict = "new" | "repeat" | "older";

export function judgeSequence(
  words: Uint32Array,
  at: number,
  highest: number,
  sequence: number,
): SequenceVerdict {
  if (sequence > highest) return "new";
  if (highest - sequence >= sequenceWindow) return "older";
  return hasBit(words, at, sequence % sequenceWindow) ? "repeat" : "new";
}

/** Marks a number that is "new"; the answer is the highest afterwards. */
export function markSequence(words: Uint32Array, at: number, highest: number, sequence: number): number {
  if (sequence - highest >= sequenceWindow) words.fill(0, at, at + sequenceWords);
  else for (let n = highest + 1; n < sequence; n++) clearBit(words, at, n % sequenceWindow);
  setBit(words, at, sequence % sequenceWindow);
  return Math.max(highest, sequence);
}
