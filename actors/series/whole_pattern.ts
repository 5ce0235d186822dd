/**
 * A regular expression that must match a whole text, as those of PromQL's matchers do: in RE2's syntax, in linear time.
 * JavaScript's own would take exponential time for some patterns, and knows other ones.
 */

import { RE2JS } from "re2js";
import { errorMessage } from "../../runtime/core/errors.ts";
import { maxPatternInstructions, maxPatternUnits, maxWrittenOut } from "./limits.ts";

const repeatLess = "repeat less, or less at a time";

/** Its message completes "The pattern of …". */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

/** What a pattern is made of: an escaped character, a class, a group's ends, a counted repetition, anything else. */
const piece = /\\[^]|\[\^?\]?(?:\\[^]|[^\]\\])*\]|\(|\)|\{(\d+)(?:,(\d*))?\}|[^]/g;

/** About how many instructions a pattern becomes, as its counted repetitions are written out one within the other. */
function writtenOut(pattern: string): number {
  const around: number[] = [];
  let [size, last] = [0, 0];
  for (const [text, least, most] of pattern.matchAll(piece)) {
    if (text === "(") {
      around.push(size);
      [size, last] = [0, 0];
    } else if (text === ")") {
      last = size + 1;
      size = (around.pop() ?? 0) + last;
    } else if (least !== undefined) {
      const times = Math.max(Number(least), Number(most ?? 0), 1);
      size += last * (times - 1);
      last *= times;
    } else {
      last = 1;
      size++;
    }
  }
  return size;
}

export class WholePattern {
  readonly #compiled: RE2JS;

  /** Throws a `PatternError`. */
  constructor(pattern: string) {
    if (pattern.length > maxPatternUnits) {
      throw new PatternError(`has ${pattern.length} characters; at most ${maxPatternUnits} are taken`);
    }
    // Compiling takes a second and 300 MB for a million of them, before it tells how many they are.
    if (writtenOut(pattern) > maxWrittenOut) throw new PatternError(`is too large: ${repeatLess}`);
    try {
      this.#compiled = RE2JS.compile(pattern, RE2JS.DOTALL);
    } catch (error) {
      throw new PatternError(`is no regular expression in RE2's syntax: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    const instructions = this.#compiled.programSize();
    if (instructions > maxPatternInstructions) {
      throw new PatternError(
        `is too large: it has ${instructions} instructions, and at most ${maxPatternInstructions} are taken; ` +
          repeatLess,
      );
    }
  }

  matches(text: string): boolean {
    return this.#compiled.testExact(text);
  }
}
