/** What the detector says of a value. */

export type Why =
  | "not enough values yet"
  | "not a number that can be scored"
  | "usual"
  | "far above its usual level"
  | "far below its usual level"
  | "far above its usual range"
  | "far below its usual range"
  | "sudden rise"
  | "sudden fall"
  | "shifted up"
  | "shifted down"
  | "busier than usual"
  | "flatter than usual";

export interface Score {
  /** From 0 to 1: an eighth for each factor of ten by which such values are rare; 0 while values are missing. */
  readonly score: number;
  /** A new detection: the first value of an excursion that reaches the threshold. */
  readonly isAnomaly: boolean;
  /** The strongest reason for the score; "usual" where none is worth a word. */
  readonly why: Why;
  /** The value that was expected, in the series' unit. */
  readonly expected: number;
  /** The usual distance from what is expected, in the series' unit. */
  readonly scale: number;
  /** How many values are missing until there are scores; 0 from then on. */
  readonly missing: number;
}
