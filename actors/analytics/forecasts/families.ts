/**
 * Methods of a kind, whatever their seasons, and what becomes of them: words alone, so that who counts them loads no
 * mathematics.
 */

export const families = [
  "last value",
  "seasonal naive",
  "Holt-Winters",
  "simple smoothing",
  "damped trend",
  "theta",
  "autoregression",
  "autoregression of differences",
  "arima",
] as const;
export type Family = (typeof families)[number];

/** In a back-test: it forecasts, others were better, its numbers ran away. */
const candidateOutcomes = ["chosen", "beaten", "failed"] as const;
export type CandidateOutcome = (typeof candidateOutcomes)[number];

/** Besides, one that was chosen may fail when its turn comes: a fallback. */
export const methodOutcomes = [...candidateOutcomes, "fallback"] as const;

export interface MethodOutcome {
  readonly family: Family;
  readonly outcome: (typeof methodOutcomes)[number];
}
