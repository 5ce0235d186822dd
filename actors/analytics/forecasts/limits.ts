/** Limits and choices of forecasts, each with its reason. */

/** Points below which nothing is fitted: a trend through fewer is a guess. */
export const minPoints = 20;

/** Whole cycles of a season before it is forecast: one that was seen once may have been chance. */
export const minCycles = 2;

/**
 * Errors of a back-test that intervals are made of alone: the least number whose conformal quantile of 95 % is finite. With
 * fewer, a lucky few would claim to know what comes.
 */
export const minErrors = 19;

/** Points that a fit looks at: more cost time and tell of long ago. */
export const maxPoints = 3000;

/** A horizon of more than the points there are is a wish. */
export const maxHorizonShare = 1;

/** Candidates this many times as bad as the best one have no part in a combination. */
export const combinedRatio = 1.5;
/** Candidates in a combination: more change its errors by less than one in a hundred. */
export const maxCombined = 5;

/** A forecast outside the series' range widened by so many ranges is taken for an explosion. */
export const sanePadding = 3;
/** Usual is what so many values lie within. */
export const usualShare = 0.9;
/** So is the median of the last ones: a new level may be young, and a mistake does not last. */
export const recentPoints = 5;

/** A value so many times as far from its neighbours as any other value is taken for a mistake. */
export const glitchRatio = 10;
/** So many values may be mistakes; a third one shows that the series has them, and must be forecast with them. */
export const maxGlitches = 2;

/** Paths that intervals of a horizon's greatest, least and mean value are made of. */
export const simulatedPaths = 400;

/** Time for the one candidate that may take long, which is not asked for longer series. */
export const maxArimaPoints = 400;
