/**
 * A regular expression that must match a whole text, as those of PromQL's matchers do: in RE2's syntax, in linear time.
 * JavaScript's own would take exponential time for some patterns, and knows other ones.
 */

import { RE2JS } from "re2js";
import { errorMessage } from "../../runtime/core/errors.ts";
import { maxPatternInstructions, maxPatternUnits } from "./limits.ts";

/** Its message completes "The pattern of …". */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

export class WholePattern {
  readonly #compiled: RE2JS;

  /** Throws a `PatternError`. */
  constructor(pattern: string) {
    if (pattern.length > maxPatternUnits) {
      throw new PatternError(`has ${pattern.length} characters; at most ${maxPatternUnits} are taken`);
    }
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
        `is too large: it has ${instructions} instructions; at most ${maxPatternInstructions} are taken. ` +
          "Repeat less",
      );
    }
  }

  matches(text: string): boolean {
    return this.#compiled.matches(text);
  }
}
