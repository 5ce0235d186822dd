/**
 * How far from a forecast what comes may lie.
 *
 * 1. The scale of each step's error comes from the back-test, over neighbouring steps and all origins, and never falls
 *    with the horizon.
 * 2. The factor to a level is the conformal quantile of absolute errors against scales that were made without their own
 *    origin (Lei et al., Journal of the American Statistical Association 113 (2018), 2.1): nothing about the errors'
 *    distribution is assumed.
 * 3. Fewer than `minErrors` errors may be small by luck: of them alone no interval is made. No step's scale is then below
 *    that of the naive method's errors, of which there are many, and the factors are the normal distribution's.
 */

import { minErrors } from "./limits.ts";

export type Level = 80 | 95;

export interface ErrorModel {
  /** By step of the horizon. */
  readonly scales: readonly number[];
  readonly factors: { readonly 80: number; readonly 95: number };
  /** Correlation of one step's error with the next one's. */
  readonly correlation: number;
}

/** Factors of the normal distribution, where there are not errors enough for a quantile of their own. */
const normal = { 80: 1.2815515655446004, 95: 1.959963984540054 } as const;

/** Mean squares over neighbours, made rising. */
function scalesOf(errors: readonly Float64Array[], steps: number): Float64Array {
  const reach = Math.max(1, Math.floor(steps / 8));
  const scales = new Float64Array(steps);
  for (let h = 0; h < steps; h++) {
    let [sum, count] = [0, 0];
    for (const each of errors) {
      for (let i = Math.max(0, h - reach); i <= Math.min(steps - 1, h + reach); i++) {
        sum += each[i]! * each[i]!;
        count++;
      }
    }
    scales[h] = Math.sqrt(sum / count);
  }
  for (let h = 1; h < steps; h++) scales[h] = Math.max(scales[h]!, scales[h - 1]!);
  return scales;
}

/** @param sorted `minErrors` at least: of fewer the quantile of 95 % is infinite */
function conformal(sorted: Float64Array, level: Level): number {
  return sorted[Math.ceil((sorted.length + 1) * level / 100) - 1]!;
}

/**
 * The least share of a step's own scale that it is measured by: the others may have had no errors there at all. With less,
 * intervals of a series that has just begun to move are hundreds of times as wide as its range.
 */
const leastReference = 0.3;

function ratiosOf(errors: readonly Float64Array[], steps: number, scales: Float64Array): Float64Array {
  const ratios: number[] = [];
  for (const [k, own] of errors.entries()) {
    const others = errors.filter((_, i) => i !== k);
    const references = others.length === 0 ? scales : scalesOf(others, steps);
    for (let h = 0; h < steps; h++) {
      const reference = Math.max(references[h]!, leastReference * scales[h]!);
      if (reference > 0) ratios.push(Math.abs(own[h]!) / reference);
    }
  }
  return Float64Array.from(ratios).sort();
}

function correlationOf(errors: readonly Float64Array[]): number {
  let [products, squares] = [0, 0];
  for (const each of errors) {
    for (let h = 1; h < each.length; h++) {
      products += each[h]! * each[h - 1]!;
      squares += (each[h]! ** 2 + each[h - 1]! ** 2) / 2;
    }
  }
  return squares > 0 ? Math.min(0.99, Math.max(0, products / squares)) : 0;
}

/**
 * @param errors by origin and step
 * @param steps of the horizon; beyond those of the errors scales grow with the root of the step
 * @param naiveScale of the naive method's errors over the whole series
 */
export function errorModel(
  errors: readonly Float64Array[],
  steps: number,
  naiveScale: number,
): ErrorModel {
  const tested = errors[0]!.length;
  const leastScale = errors.length * tested < minErrors ? naiveScale : 0;
  const known = scalesOf(errors, tested).map((scale) => Math.max(scale, leastScale));
  const ratios = ratiosOf(errors, tested, known);
  const factor = (level: Level) => ratios.length < minErrors ? normal[level] : conformal(ratios, level);
  const last = known[tested - 1]!;
  const scales = Array.from(
    { length: steps },
    (_, h) => h < tested ? known[h]! : last * Math.sqrt((h + 1) / tested),
  );
  const narrow = factor(80);
  return {
    scales,
    factors: { 80: narrow, 95: factor(95) },
    correlation: correlationOf(errors),
  };
}

/** Errors of a series that was never forecast: those of a walk with these steps. */
export function walkModel(stepScale: number, steps: number): ErrorModel {
  const scales = Array.from({ length: steps }, (_, h) => stepScale * Math.sqrt(h + 1));
  return { scales, factors: normal, correlation: 0.9 };
}

/** Of the steps that begin so many later; beyond those that are known scales grow with the root of the step. */
export function laterModel({ scales, ...model }: ErrorModel, bySteps: number): ErrorModel {
  const last = scales.at(-1)!;
  const later = scales.map((_, h) =>
    scales[h + bySteps] ?? last * Math.sqrt((h + bySteps + 1) / scales.length)
  );
  return { ...model, scales: later };
}
