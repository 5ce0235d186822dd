/** Limits of series, each with its reason. */

/** Rules that may want something of one series: each is in its row, which is rewritten whenever the series changes. */
export const maxRulesPerSeries = 16;

/** Anomalies that are remembered for a person to look at. */
export const keptDetections = 16;

/** Characters of a rule's name. */
export const maxRuleName = 64;

/** Units of a selector's text: a screenful, and more than a person writes. */
export const maxMatchersUnits = 4000;

/** Matchers of a selector: every one is looked at for every series. */
export const maxMatchers = 32;

/** Units of a regular expression: it is compiled on the main thread. */
export const maxPatternUnits = 1000;

/**
 * Instructions of a compiled regular expression. Matching takes at most so many steps a character of a label's value;
 * an alternation of a hundred names has about 1,000.
 */
export const maxPatternInstructions = 2000;

/** The same, as far as counting tells before it is compiled, which takes 10 ms for so many. */
export const maxWrittenOut = 10 * maxPatternInstructions;
