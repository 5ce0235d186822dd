/** Series that a detector is fed with, all from one seed. */

import { AnomalyDetector } from "../../actors/analytics/anomalies/anomaly_detector.ts";
import type { Score } from "../../actors/analytics/anomalies/score.ts";
import { Prng } from "../../runtime/simulation/prng.ts";

const minuteMs = 60_000;
export const stepMs = 5 * minuteMs;
/** Values a day at that step. */
export const dayValues = 288;
export const startMs = Date.UTC(2026, 0, 5);

/** Gaussian values of mean 0 and variance 1: Box & Muller 1958. */
export function gaussian(seed: number): () => number {
  const prng = new Prng(seed);
  return () => Math.sqrt(-2 * Math.log(1 - prng.next())) * Math.cos(2 * Math.PI * prng.next());
}

export function noise(count: number, seed = 1): number[] {
  return Array.from({ length: count }, gaussian(seed));
}

/** `days` days of a curve between -10 and 10, with a little noise. */
export function dailyCurve(days: number, seed = 1): number[] {
  return noise(days * dayValues, seed).map((each, i) =>
    10 * Math.sin(2 * Math.PI * i / dayValues) + 0.3 * each
  );
}

/** The scores of values at equal steps. */
export function scoresOf(values: readonly number[], detector = AnomalyDetector.create()): Score[] {
  return values.map((value, i) => detector.update(startMs + i * stepMs, value));
}

/** The places of the detections among scores. */
export function detected(scores: readonly Score[]): number[] {
  return scores.flatMap(({ isAnomaly }, i) => isAnomaly ? [i] : []);
}
