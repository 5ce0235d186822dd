/** What is used of the package `arima`, which has no types. */
export default class Arima {
  constructor(options: { p: number; d: number; q: number; verbose: boolean });
  train(values: readonly number[]): this;
  /** The next values, and their standard errors. */
  predict(steps: number): [number[], number[]];
  /** Gives its memory back. */
  destroy(): void;
}
