/**
 * Exponential smoothing without a season: Hyndman, Koehler, Ord & Snyder, "Forecasting with Exponential Smoothing" (2008),
 * ch. 2 and 5; Gardner & McKenzie, Management Science 31 (1985), for the damped trend.
 *
 * Parameters minimise the squared one-step errors, by a grid that is refined around its best point: a bounded number of
 * passes over the values, and no starting point to go wrong.
 */

/** The level, and how it goes on. */
export interface Smoothed {
  readonly alpha: number;
  readonly beta: number;
  readonly phi: number;
  readonly level: number;
  readonly trend: number;
  /** Sum of squared one-step errors. */
  readonly squares: number;
}

interface Parameters {
  readonly alpha: number;
  readonly beta: number;
  readonly phi: number;
}

/** Slope of the beginning, over so many values. */
const beginning = 10;

function run(values: Float64Array, { alpha, beta, phi }: Parameters): Smoothed {
  const first = Math.min(beginning, values.length - 1);
  let level = values[0]!;
  let trend = beta === 0 ? 0 : (values[first]! - values[0]!) / first;
  let squares = 0;
  for (let t = 1; t < values.length; t++) {
    const expected = level + phi * trend;
    const error = values[t]! - expected;
    squares += error * error;
    level = expected + alpha * error;
    trend = phi * trend + alpha * beta * error;
  }
  return { alpha, beta, phi, level, trend, squares };
}

/** The best of the grid's points. */
function best(values: Float64Array, grid: Iterable<Parameters>): Smoothed {
  let found: Smoothed | null = null;
  for (const parameters of grid) {
    const each = run(values, parameters);
    if (found === null || each.squares < found.squares) found = each;
  }
  if (found === null) throw new RangeError("A grid has one point at least");
  return found;
}

function* around(at: number, width: number, least: number, most: number): Generator<number> {
  for (const step of [-1, -0.5, 0, 0.5, 1]) yield Math.min(most, Math.max(least, at + step * width));
}

const leastAlpha = 0.01;
const mostAlpha = 0.9999;

/** Simple smoothing: the level alone. */
export function simple(values: Float64Array): Smoothed {
  let found = best(values, [0.05, 0.2, 0.4, 0.6, 0.8, 0.95].map((alpha) => ({ alpha, beta: 0, phi: 1 })));
  for (const width of [0.1, 0.04, 0.016]) {
    const grid = [...around(found.alpha, width, leastAlpha, mostAlpha)];
    found = best(values, grid.map((alpha) => ({ alpha, beta: 0, phi: 1 })));
  }
  return found;
}

/** With a trend that dies away. */
export function damped(values: Float64Array): Smoothed {
  const grid: Parameters[] = [];
  for (const alpha of [0.1, 0.3, 0.6, 0.9]) {
    for (const beta of [0.01, 0.1, 0.4]) {
      for (const phi of [0.8, 0.9, 0.98]) grid.push({ alpha, beta, phi });
    }
  }
  let found = best(values, grid);
  for (const width of [0.15, 0.05]) {
    const { alpha, beta, phi } = found;
    const finer: Parameters[] = [];
    for (const a of around(alpha, width, leastAlpha, mostAlpha)) {
      for (const b of around(beta, width / 2, 0.0001, 0.99)) finer.push({ alpha: a, beta: b, phi });
    }
    for (const p of around(phi, width / 3, 0.8, 0.98)) finer.push({ alpha, beta, phi: p });
    found = best(values, finer);
  }
  return found;
}

/** The next `steps` values. */
export function ahead({ level, trend, phi }: Smoothed, steps: number): Float64Array {
  const path = new Float64Array(steps);
  let sum = 0;
  let factor = 1;
  for (let h = 0; h < steps; h++) {
    factor *= phi;
    sum += factor;
    path[h] = level + sum * trend;
  }
  return path;
}

/**
 * The theta method: simple smoothing, with half the slope of the whole as drift: Assimakopoulos & Nikolopoulos, International
 * Journal of Forecasting 16 (2000), in the form of Hyndman & Billah, ibid. 19 (2003).
 */
export function theta(values: Float64Array, steps: number): Float64Array {
  const n = values.length;
  const { alpha, level } = simple(values);
  let [mean, products] = [0, 0];
  for (const value of values) mean += value / n;
  for (let t = 0; t < n; t++) products += (t - (n - 1) / 2) * (values[t]! - mean);
  const drift = 6 * products / (n * (n * n - 1));
  const offset = (1 - (1 - alpha) ** n) / alpha;
  return new Float64Array(steps).map((_, h) => level + drift * (h + offset));
}
