/** What a person sees while a node runs: the start table, then one line that tells how it goes. */

/** A row of the start table: what it is, and where. */
export type TableRow = readonly [name: string, text: string];

export function renderTable(rows: readonly TableRow[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join("");
}

export interface Summary {
  readonly readingsPerSecond: number;
  /** Null before they were first counted. */
  readonly actors: number | null;
  readonly deadLetters: number;
}

// Making one loads ICU's data, which a start need not wait for.
let numberFormat: Intl.NumberFormat | undefined;

function count(number: number): string {
  numberFormat ??= new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  return numberFormat.format(number);
}

export function renderSummary({ readingsPerSecond, actors, deadLetters }: Summary): string {
  return [
    `${count(readingsPerSecond)} readings/s`,
    ...(actors === null ? [] : [`${count(actors)} actors`]),
    `${count(deadLetters)} dead letters`,
  ].join(", ");
}

export interface Screen {
  write(text: string): void;
  /** Rewrites the last line where the screen is a terminal, adds one elsewhere. */
  status(line: string): void;
}

export const eraseLine = "\r\x1b[2K";

/** `put` writes to standard output. */
export function openScreen(isTerminal: boolean, put: (text: string) => void): Screen {
  let hasStatus = false;
  return {
    write(text) {
      put(hasStatus ? `${eraseLine}${text}` : text);
      hasStatus = false;
    },
    status(line) {
      put(isTerminal ? `${eraseLine}${line}` : `${line}\n`);
      hasStatus = isTerminal;
    },
  };
}
