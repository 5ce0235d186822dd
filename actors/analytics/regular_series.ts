/** Values at equal steps, as long sums want them; NaN where there is no value. */
export interface RegularSeries {
  /** When the first step begins, epoch milliseconds. */
  readonly startMs: number;
  readonly stepMs: number;
  readonly values: Float64Array;
}
