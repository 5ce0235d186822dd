/** Limits and levels of the statistics, each with its reason. */

/** Points below which nothing is said but counts and moments: tests of 20 points tell nothing of a process. */
export const minPoints = 30;

/** Whole cycles that a season must have been seen: two are what any two bumps are. */
export const minCycles = 3;

/** Lags of the autocorrelation that are told, and those of the Ljung-Box test, the usual choice for 1,000 points. */
export const toldLags = 20;
export const ljungBoxLags = 10;

/** A test says no when it would be wrong once in twenty times, as everywhere. */
export const significance = 0.05;

/** A season must stand out of red noise so far that one in a thousand series without a season shows one. */
export const seasonSignificance = 0.001;

/** Share of the variance without trend that a season must explain, or nobody would see it in a picture. */
export const minSeasonStrength = 0.3;

/** Share of its multiple's explained variance that a shorter season must explain to be told beside it. */
export const minDivisorShare = 0.5;

/** Share of missing steps above which sums that need every step are not made: what is filled in would be seen in them. */
export const maxMissingShare = 0.2;

/** Share of its multiple's explained variance from which on a period is the season, and the multiple is not. */
export const minSameShare = 0.95;

/** Missing steps in a row that are filled in; longer gaps are where the series is cut. */
export const maxFilledSteps = 30;

/** Points of which a robust slope is made, by pairs; longer series are averaged to so many. */
export const maxSlopePoints = 240;
