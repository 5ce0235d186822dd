/**
 * Values of one series as CSV: `timestamp,value`, a line each.
 *
 * 1. A first line that is no values is a header. It may name the columns (`timestamp`, `time`, `date`, …; `value`), and
 *    then there may be others, which are left out; without a header there are two.
 * 2. Every line that is neither empty, nor the header, nor good is named by its number, from 1, and why.
 * 3. The verdict on a line depends on it, the header and `untilMs` alone.
 */

import { parseCsvTime } from "./csv_time.ts";
import { maxLineUnits } from "./limits.ts";

/** Which columns, from 0, and how many a line has. */
export interface CsvForm {
  readonly time: number;
  readonly value: number;
  readonly columns: number;
}

const plainForm: CsvForm = { time: 0, value: 1, columns: 2 };

const timeNames = new Set(["timestamp", "time", "ts", "date", "datetime", "timestamp_ms", "epoch"]);
const valueNames = new Set(["value", "val", "v"]);

/** What a column that we do not know may be called; letters of another encoding are U+FFFD. */
const columnName = /^[\p{L}_\ufffd][\p{L}\p{N}_\ufffd .:()[\]/%°-]*$/u;

export type CsvCode = "malformed" | "invalid" | "too-far-ahead";

export interface BadLine {
  /** From 1. */
  readonly line: number;
  readonly code: CsvCode;
  readonly sentence: string;
}

/** What is read of a text. */
export interface CsvSink {
  sample(timeMs: number, value: number): void;
  bad(line: BadLine): void;
}

const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** Null: it is none, or no double holds it. */
function parseNumber(cell: string): number | null {
  const value = Number(cell);
  return Number.isFinite(value) && number.test(cell) ? value : null;
}

/** Without the blanks and quotes around it. */
function bare(cell: string): string {
  const text = cell.trim();
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).trim() : text;
}

function cellsOf(line: string): string[] {
  return line.split(",").map(bare);
}

const shownUnits = 60;

function shown(text: string): string {
  return JSON.stringify(text.length <= shownUnits ? text : `${text.slice(0, shownUnits - 1)}…`);
}

/** How the columns lie, if this first line is a header; null: it is values. */
export function headerForm(line: string): CsvForm | null {
  const cells = cellsOf(line);
  const isData = cells.some((cell) => parseCsvTime(cell) !== null || parseNumber(cell) !== null);
  if (isData || cells.length < 2 || line.length > maxLineUnits) return null;
  const names = cells.map((cell) => cell.toLowerCase());
  const time = names.findIndex((name) => timeNames.has(name));
  const value = names.findIndex((name) => valueNames.has(name));
  if (time >= 0 && value >= 0) return { time, value, columns: cells.length };
  if (!cells.every((cell) => columnName.test(cell))) return null;
  if (cells.length > 2) return plainForm;
  // One that is known leaves the other column for the other.
  return time === 1 || value === 0 ? { time: 1, value: 0, columns: 2 } : plainForm;
}

function columnsSentence(found: number, wanted: number): string {
  const right = wanted === 2 ? "2, timestamp and value, are right" : `${wanted} are right, as in the header`;
  return found === 1 ? `It has no comma: columns are needed, ${right}` : `It has ${found} columns: ${right}`;
}

class Reader {
  readonly #untilMs: number;
  readonly #sink: CsvSink;
  form = plainForm;

  constructor(untilMs: number, sink: CsvSink) {
    this.#untilMs = untilMs;
    this.#sink = sink;
  }

  read(line: string, at: number): void {
    if (line.length > maxLineUnits) {
      // Whoever sent it may have cut it off: how long it is nobody knows.
      const sentence = `It has more than ${maxLineUnits} characters, and begins with ${shown(line)}`;
      return this.#bad(at, "malformed", sentence);
    }
    const cells = this.#cells(line);
    if (cells === null) {
      return this.#bad(at, "malformed", columnsSentence(cellsOf(line).length, this.form.columns));
    }
    const [timeText, valueText] = cells;
    const timeMs = parseCsvTime(timeText);
    if (timeMs === null) {
      return this.#bad(
        at,
        "invalid",
        `Its time is ${shown(timeText)}: 2026-01-31T12:00:00Z, 2026-01-31 12:00:00 (UTC) or an epoch in ` +
          "seconds or milliseconds is right",
      );
    }
    const value = parseNumber(valueText);
    if (value === null) {
      return this.#bad(at, "invalid", `Its value is ${shown(valueText)}: a number is right`);
    }
    if (timeMs > this.#untilMs) {
      const sentence = `Its time, ${new Date(timeMs).toISOString()}, is in the future`;
      return this.#bad(at, "too-far-ahead", sentence);
    }
    this.#sink.sample(timeMs, value);
  }

  #bad(line: number, code: CsvCode, sentence: string): void {
    this.#sink.bad({ line, code, sentence });
  }

  /** Time and value; null: the columns are not as they should be. */
  #cells(line: string): readonly [string, string] | null {
    const { form } = this;
    if (form === plainForm) {
      const comma = line.indexOf(",");
      if (comma < 0 || line.indexOf(",", comma + 1) >= 0) return null;
      return [bare(line.slice(0, comma)), bare(line.slice(comma + 1))];
    }
    const cells = cellsOf(line);
    const [time, value] = [cells[form.time], cells[form.value]];
    return time === undefined || value === undefined || cells.length !== form.columns ? null : [time, value];
  }
}

const byteOrderMark = "\ufeff";

/** Lines of a text, without counting an empty one at its end. */
export function linesOf(text: string): string[] {
  const lines = (text.startsWith(byteOrderMark) ? text.slice(1) : text).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** @param untilMs lines of later times are bad */
export function readCsv(lines: readonly string[], untilMs: number, sink: CsvSink): void {
  const reader = new Reader(untilMs, sink);
  const form = headerForm(lines[0] ?? "");
  reader.form = form ?? reader.form;
  for (let i = form === null ? 0 : 1; i < lines.length; i++) {
    const line = lines[i]!.trim();
    if (line !== "") reader.read(line, i + 1);
  }
}
