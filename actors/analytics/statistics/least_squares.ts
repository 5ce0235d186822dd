/**
 * Least squares by Householder reflections: Golub & Van Loan, "Matrix Computations", 4th ed., 5.2 and 5.3.
 *
 * Columns stand one after the other. With the columns of a model first, the residual sums of all models that begin with
 * them come out of one decomposition: that of the first k columns is the sum of squares of (Q'y) from place k on.
 */

export interface Decomposed {
  /** Q'y. */
  readonly rotated: Float64Array;
  /** The diagonal of R. */
  readonly diagonal: Float64Array;
}

/** Changes `columns`, of `rows` values each, and `y`. */
export function decompose(columns: readonly Float64Array[], y: Float64Array): Decomposed {
  const rows = y.length;
  const diagonal = new Float64Array(columns.length);
  for (const [k, column] of columns.entries()) {
    let square = 0;
    for (let i = k; i < rows; i++) square += column[i]! * column[i]!;
    const alpha = column[k]! > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    diagonal[k] = alpha;
    // A column of zeros, or one that depends on those before it, reflects nothing.
    if (alpha === 0) continue;
    // v = column - alpha e_k, and 2 / v'v = 1 / (alpha² - alpha column_k).
    const scale = 1 / (square - alpha * column[k]!);
    column[k]! -= alpha;
    for (let j = k + 1; j < columns.length; j++) reflect(columns[j]!, column, k, scale);
    reflect(y, column, k, scale);
  }
  return { rotated: y, diagonal };
}

function reflect(target: Float64Array, direction: Float64Array, from: number, scale: number): void {
  let product = 0;
  for (let i = from; i < target.length; i++) product += direction[i]! * target[i]!;
  product *= scale;
  for (let i = from; i < target.length; i++) target[i]! -= product * direction[i]!;
}

/** Sum of squares of `rotated` from place `from` on: what a model of so many columns leaves. */
export function residualSquares({ rotated }: Decomposed, from: number): number {
  let sum = 0;
  for (let i = from; i < rotated.length; i++) sum += rotated[i]! * rotated[i]!;
  return sum;
}

/** The t ratio of the last column's coefficient; NaN when it has none. */
export function lastRatio(decomposed: Decomposed): number {
  const { rotated, diagonal } = decomposed;
  const last = diagonal.length - 1;
  const variance = residualSquares(decomposed, diagonal.length) / (rotated.length - diagonal.length);
  // b = (Q'y)_k / R_kk with the standard error sqrt(variance) / |R_kk|.
  return rotated[last]! * Math.sign(diagonal[last]!) / Math.sqrt(variance);
}
