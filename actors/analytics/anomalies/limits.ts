/**
 * What the anomaly detector assumes, each number with its reason. They hold for every series: a user sets the
 * threshold alone. Lengths count values, unless they name a time.
 */

/** The score from which a value is an anomaly: four of the eight decades, once in 10,000 values. */
export const defaultThreshold = 0.5;

/** A score of 1: rarer than once in 10^8 values is no more telling, as no past is so long. */
export const fullDecades = 8;

/** Values before the first score: 150 of them hold one tail of 1 % at all, and are 40 minutes at 15 s a value. */
export const warmUpValues = 150;

/** Values over which averages are plain means, because a forgetting one still hangs on its first value. */
export const settlingValues = 40;

/** How far back "usual" reaches: a day of five-minute values. */
export const levelValues = 288;

/** How far back the level reaches that a sudden change is measured from. */
export const recentValues = 4;

/** How many values are averaged before they count as shifted, or as busier or calmer than usual. */
export const sustainedValues = 12;

/** How far back the usual size of a deviation reaches: longer than a level, so that a shift stands out. */
export const scaleValues = 1000;

/** How far back tails reach: 1 % of them is then 50 values, enough to tell a tail's shape. */
export const tailValues = 5000;

/** The share of the past through which a tail is drawn, and how much more of it the second quantile has beyond it. */
export const outerShare = 0.01;
export const innerFactor = 10;

/** A quantile that a tail is drawn through needs so many values beyond it: fewer, and it is an anecdote. */
export const leastOuterValues = 10;

/** A size that came more often than this is as rare as it came, whatever the tail's shape says. */
export const knownValues = 3;

/** A side with less of the past than this has no shape of its own: both sides stand in for it. */
export const leastSideShare = 0.03;

/** Sizes up to so many usual ones are not worth a look, which would cost most of the time. */
export const leastScales = 1.5;

/** A tail falls no faster than a Gaussian one: two equal quantiles would make it a wall. */
export const steepestTail = 2;

/** A deviation counts as this many usual ones at most where scales and levels learn: one outlier teaches little. */
export const learntScales = 6;

/** A value further from the usual level than this many usual distances is taken for one at that distance. */
export const outlierScales = 1000;

/** Parts of a day with a level each: a quarter of an hour follows a working day's ramps, and fits the state. */
export const dayParts = 96;

/** A day's share in the profile: a changed habit is learnt within a working week. */
export const dayShare = 0.25;

/** Days before the profile may be trusted: the first fills it, the second judges it. */
export const profileDays = 2;

/** The profile is trusted once it errs by so much less than a plain level, and until it errs as much. */
export const profileGain = 0.85;

/** Steps without a value after which the last values say nothing of the next. */
export const gapSteps = 20;

/** A step counts as this many usual ones at most where the usual step is learnt, and with this share. */
export const longestLearntStep = 4;
export const stepShare = 0.01;

/** Motion 2^30 times the usual one, or a 2^30th of it, is as rare as motion can be. */
export const mostOctaves = 30;

/** Calm values that end an excursion. */
export const calmValues = 20;

/** Below it a value is calm: it comes more often than once in 250, and teaches in full. */
export const calmScore = 0.3;

/** Values after which an excursion is the new usual, and is learnt as such. */
export const acceptedValues = 200;

/** What a detection adds to the threshold, so that a restless series does not cry wolf: a factor of ten in rarity. */
export const fatigueStep = 1 / fullDecades;

/** Values over which that fades. */
export const fatigueValues = 1000;

/** Times are those a Date can have (ECMA-262, section 21.4.1.1). */
export const largestTimeMs = 8.64e15;

/** Larger values are refused: nothing measures so much, and 32-bit floats end at 3e38. */
export const largestValue = 1e30;
