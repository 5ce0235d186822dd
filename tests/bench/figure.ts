/** What every figure is: a measurement with a target, and the row that tells of it. */

export interface BenchOptions {
  /** How long load lasts where a figure is about a rate. */
  readonly seconds: number;
  /** How often figures are repeated that are told as a median. */
  readonly rounds: number;
  /** Whether results are kept: a figure that draws writes its picture then. */
  readonly isWritten: boolean;
}

export interface Row {
  readonly figure: string;
  /** What is wanted; empty where the row only tells more. */
  readonly target: string;
  readonly measured: string;
  /** Null where nothing is wanted. */
  readonly isMet: boolean | null;
  /** Processor time of the server, by thread where that is known. */
  readonly serverCpu: string;
  /** Processor time of this process: the load generator and the verifier. */
  readonly clientCpu: string;
  /** Markdown that says more than the row can: printed, and kept below the table. */
  readonly details?: string;
}

export interface Figure {
  readonly name: string;
  readonly meaning: string;
  run(options: BenchOptions): Promise<readonly Row[]>;
}

/** The middle of the values in order; the upper one of an even number. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[values.length >> 1];
  if (middle === undefined) throw new Error("A median needs a value");
  return middle;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  if (value === undefined) throw new Error("A quantile needs a value");
  return value;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

const groups = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function grouped(value: number): string {
  return groups.format(value);
}

export function perSecond(value: number): string {
  return `${grouped(value)}/s`;
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
