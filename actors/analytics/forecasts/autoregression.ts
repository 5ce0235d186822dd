/**
 * Autoregression of a series without season, around its mean, or of its differences: order by Akaike's criterion,
 * coefficients by Burg's recursion, which always gives a model that does not explode: Percival & Walden, "Spectral
 * Analysis for Physical Applications" (1993), 9.5.
 */

export interface Autoregression {
  readonly mean: number;
  readonly coefficients: Float64Array;
  /** Akaike's criterion. */
  readonly aic: number;
}

/** The orders up to `maxOrder`; the best by Akaike's criterion. */
export function fitAutoregression(values: Float64Array, maxOrder: number): Autoregression {
  const n = values.length;
  let mean = 0;
  for (const value of values) mean += value / n;
  const forward = values.map((value) => value - mean);
  const backward = forward.slice();
  let variance = 0;
  for (const value of forward) variance += value * value / n;
  let coefficients = new Float64Array(0);
  let best: Autoregression = { mean, coefficients, aic: n * Math.log(variance) };
  for (let order = 1; order <= maxOrder && variance > 0; order++) {
    let [products, squares] = [0, 0];
    for (let t = order; t < n; t++) {
      products += forward[t]! * backward[t - 1]!;
      squares += forward[t]! ** 2 + backward[t - 1]! ** 2;
    }
    if (!(squares > 0)) break;
    const reflection = 2 * products / squares;
    const next = new Float64Array(order);
    for (let i = 0; i < order - 1; i++) {
      next[i] = coefficients[i]! - reflection * coefficients[order - 2 - i]!;
    }
    next[order - 1] = reflection;
    coefficients = next;
    variance *= 1 - reflection * reflection;
    for (let t = n - 1; t >= order; t--) {
      const [f, b] = [forward[t]!, backward[t - 1]!];
      forward[t] = f - reflection * b;
      backward[t] = b - reflection * f;
    }
    const aic = n * Math.log(variance) + 2 * order;
    if (aic < best.aic) best = { mean, coefficients, aic };
  }
  return best;
}

/** The next `steps` values. */
export function continueAutoregression(
  { mean, coefficients }: Autoregression,
  values: Float64Array,
  steps: number,
): Float64Array {
  const order = coefficients.length;
  const path = new Float64Array(steps);
  for (let h = 0; h < steps; h++) {
    let sum = mean;
    for (let i = 0; i < order; i++) {
      const at = h - 1 - i;
      const value = at >= 0 ? path[at]! : values[values.length + at]!;
      sum += coefficients[i]! * (value - mean);
    }
    path[h] = sum;
  }
  return path;
}
