/**
 * Locally weighted regression of values at equal steps, of degree 1 or 0: Cleveland, Journal of the American Statistical
 * Association 74 (1979), as STL uses it (Cleveland, Cleveland, McRae & Terpenning, Journal of Official Statistics 6 (1990),
 * 3.1). Places count from 0.
 */

/** A smoother's settings. */
export interface Loess {
  /** Neighbours that a fit looks at; odd. */
  readonly window: number;
  readonly degree: 0 | 1;
  /** A fit at every so manieth place; between them lines. */
  readonly jump: number;
}

/** What several fits share: where the values lie, and room for weights. */
export interface Places {
  readonly values: Float64Array;
  /** The first value's place in `values`, how many there are, and how far one is from the next. */
  readonly from: number;
  readonly count: number;
  readonly stride: number;
  /** Of each value, by its place in `values`; null: all count the same. */
  readonly robustness: Float64Array | null;
  /** At least `count` long. */
  readonly weights: Float64Array;
}

/** The fit at `x` to the values from `left` to `right`; NaN when none of them counts. */
export function fitAt(
  places: Places,
  { window, degree }: Loess,
  x: number,
  left: number,
  right: number,
): number {
  const { values, from, count, stride, robustness, weights } = places;
  let reach = Math.max(x - left, right - x);
  if (window > count) reach += Math.floor((window - count) / 2);
  const [near, far] = [0.001 * reach, 0.999 * reach];
  let total = 0;
  for (let j = left; j <= right; j++) {
    const distance = Math.abs(j - x);
    let weight = 0;
    if (distance <= near) weight = 1;
    else if (distance <= far) {
      const share = distance / reach;
      const rest = 1 - share * share * share;
      weight = rest * rest * rest;
    }
    if (robustness !== null) weight *= robustness[from + j * stride]!;
    weights[j] = weight;
    total += weight;
  }
  if (!(total > 0)) return NaN;
  let [middle, slope] = [0, 0];
  if (degree === 1 && reach > 0) {
    for (let j = left; j <= right; j++) middle += weights[j]! / total * j;
    let spread = 0;
    for (let j = left; j <= right; j++) spread += weights[j]! / total * (j - middle) * (j - middle);
    if (Math.sqrt(spread) > 0.001 * (count - 1)) slope = (x - middle) / spread;
  }
  let fit = 0;
  for (let j = left; j <= right; j++) {
    fit += weights[j]! / total * (slope * (j - middle) + 1) * values[from + j * stride]!;
  }
  return fit;
}

/** The fit at every place, into `out` from `outFrom` on, `outStride` apart. */
export function smooth(
  places: Places,
  loess: Loess,
  out: Float64Array,
  outFrom = 0,
  outStride = 1,
): void {
  const { values, from, count, stride } = places;
  const jump = Math.max(1, Math.min(loess.jump, count - 1));
  const width = Math.min(loess.window, count);
  const half = Math.floor((loess.window + 1) / 2);
  const put = (at: number, value: number) => void (out[outFrom + at * outStride] = value);
  const fit = (at: number) => {
    const left = Math.max(0, Math.min(at - half + 1, count - width));
    const fitted = fitAt(places, loess, at, left, left + width - 1);
    const value = Number.isNaN(fitted) ? values[from + at * stride]! : fitted;
    put(at, value);
    return value;
  };
  let [at, value] = [0, fit(0)];
  while (at < count - 1) {
    const next = Math.min(at + jump, count - 1);
    const ahead = fit(next);
    for (let i = at + 1; i < next; i++) put(i, value + (ahead - value) * (i - at) / (next - at));
    [at, value] = [next, ahead];
  }
}
