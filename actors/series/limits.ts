/** Limits of series, each with its reason. */

/** Rules that may want something of one series: each is in its row, which is rewritten whenever the series changes. */
export const maxRulesPerSeries = 16;

/** Characters of a rule's name. */
export const maxRuleName = 64;
