/** A series as the sum of a trend, a season and a remainder. */
export interface Decomposition {
  readonly trend: Float64Array;
  readonly seasonal: Float64Array;
  /** What the other two leave. */
  readonly remainder: Float64Array;
}

/** From 0, none, to 1, all there is. */
export interface Strengths {
  readonly trend: number;
  readonly seasonal: number;
}

/** Variance of the sum of two components where both are known. */
function varianceOf(a: Float64Array, b: Float64Array | null): number {
  let [count, mean, squares] = [0, 0, 0];
  for (let t = 0; t < a.length; t++) {
    const value = a[t]! + (b === null ? 0 : b[t]!);
    if (Number.isNaN(value)) continue;
    count++;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  return squares / count;
}

/**
 * max(0, 1 - var(remainder) / var(component + remainder)): Wang, Smith & Hyndman, "Characteristic-based clustering for
 * time series data", Data Mining and Knowledge Discovery 13 (2006). Places where a component is NaN are left out; 0 where
 * nothing varies.
 */
export function strengths({ trend, seasonal, remainder }: Decomposition): Strengths {
  const rest = varianceOf(remainder, null);
  const share = (component: Float64Array) => {
    const all = varianceOf(remainder, component);
    return all > 0 ? Math.max(0, 1 - rest / all) : 0;
  };
  // A trend that is not known at the ends takes the remainder with it there.
  return { trend: share(trend), seasonal: share(seasonal) };
}
