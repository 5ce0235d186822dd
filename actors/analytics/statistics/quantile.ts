/** The value of a sorted series, not empty, nearest to the rank of `share` from 0 to 1. */
export function quantileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.round(share * (sorted.length - 1))]!;
}
