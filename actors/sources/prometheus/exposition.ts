/**
 * Reads a page in Prometheus' text format 0.0.4 or in OpenMetrics 1.0, line by line.
 *
 * 1. A sample is told with the text of its series as it stands there, so that whoever reads the same page again and
 *    again takes that text apart once.
 * 2. A line that is broken is told with its number and what is wrong; the other lines count.
 * 3. A line ends at a line feed, and nowhere else.
 * 4. The time is linear in the page's length.
 *
 * Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/. As Prometheus' own scraper does, it takes more than OpenMetrics
 * allows: families whose lines are apart, and samples without a type.
 */

import { maxLineUnits } from "./limits.ts";

export type ExpositionFormat = "text" | "openmetrics";

export interface ExpositionSink {
  /**
   * @param series its name and labels, as `parseSeriesText` reads them
   * @param tsMs epoch milliseconds; null where the page gives none
   */
  sample(series: string, value: number, tsMs: number | null, line: number): void;
  /** Of a family of samples, before the first of them. */
  type(family: string, type: string): void;
  broken(line: number, sentence: string): void;
}

const openBrace = 0x7b;
const closeBrace = 0x7d;
const quote = 0x22;
const backslash = 0x5c;
const hash = 0x23;

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}

/** Behind the brace that closes; -1 where none does. */
function endOfLabels(line: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (isQuoted && code === backslash) at++;
    else if (code === quote) isQuoted = !isQuoted;
    else if (code === closeBrace && !isQuoted) return at + 1;
  }
  return -1;
}

/** Behind a name and its labels, which blanks may part. */
function endOfSeries(line: string): number {
  let at = 0;
  while (at < line.length && !isBlank(line.charCodeAt(at)) && line.charCodeAt(at) !== openBrace) at++;
  let next = at;
  while (next < line.length && isBlank(line.charCodeAt(next))) next++;
  return line.charCodeAt(next) === openBrace ? endOfLabels(line, next + 1) : at;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const infinite = /^([+-]?)inf(?:inity)?$/i;

/** A number as Go's `ParseFloat` takes it, hexadecimal ones excepted; null for what is none. */
export function parseValue(text: string): number | null {
  if (decimal.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return NaN;
  const sign = infinite.exec(text)?.[1];
  if (sign === undefined) return null;
  return sign === "-" ? -Infinity : Infinity;
}

/** In milliseconds; null for what is none. */
function parseTime(text: string, format: ExpositionFormat): number | null {
  if (format === "text") return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
  const seconds = parseValue(text);
  return seconds === null || !Number.isFinite(seconds) ? null : Math.round(seconds * 1000);
}

function cut(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

/** Tells of one sample, or returns what is wrong with its line. */
function readSample(
  line: string,
  number: number,
  format: ExpositionFormat,
  sink: ExpositionSink,
): string | null {
  const end = endOfSeries(line);
  if (end === -1) return "its labels do not end with }";
  let rest = line.slice(end);
  // An exemplar stands behind it, which is about a single event.
  const exemplar = format === "openmetrics" ? rest.indexOf(" # ") : -1;
  if (exemplar !== -1) rest = rest.slice(0, exemplar);
  const [valueText = "", timeText, ...more] = rest.trim().split(/[ \t]+/);
  if (valueText === "") return "it has no value";
  const value = parseValue(valueText);
  if (value === null) return `"${cut(valueText)}" is no number`;
  if (more.length > 0) return `"${cut(more.join(" "))}" stands behind its time`;
  const tsMs = timeText === undefined ? null : parseTime(timeText, format);
  if (timeText !== undefined && tsMs === null) {
    return `"${cut(timeText)}" is no time in ${format === "text" ? "milliseconds" : "seconds"}`;
  }
  sink.sample(line.slice(0, end), value, tsMs, number);
  return null;
}

const typeLine = /^#[ \t]+TYPE[ \t]/;
const typeForm = /^#[ \t]+TYPE[ \t]+(\S+)[ \t]+([a-z]+)[ \t\r]*$/;

/** Returns what is wrong with a line that begins with a hash. */
function readComment(line: string, sink: ExpositionSink): string | null {
  if (!typeLine.test(line)) return null;
  const [, family, type] = typeForm.exec(line) ?? [];
  if (family === undefined || type === undefined) return "it is no # TYPE with a name and a type";
  sink.type(family, type);
  return null;
}

const endMark = /^# EOF[ \t\r]*$/;

function readLine(
  line: string,
  number: number,
  format: ExpositionFormat,
  sink: ExpositionSink,
): string | null {
  if (line.length > maxLineUnits) return `it has ${line.length} characters; ${maxLineUnits} are the most`;
  if (line.charCodeAt(0) === hash) return readComment(line, sink);
  // Blanks before a name are allowed in the text format alone, and harmless in the other.
  const sample = isBlank(line.charCodeAt(0)) ? line.trim() : line;
  return sample === "" ? null : readSample(sample, number, format, sink);
}

/** Tells `sink` what a page says. */
export function readExposition(text: string, format: ExpositionFormat, sink: ExpositionSink): void {
  let number = 0;
  let hasEnded = false;
  for (let at = 0; at < text.length;) {
    number++;
    const feed = text.indexOf("\n", at);
    const line = text.slice(at, feed === -1 ? text.length : feed);
    at += line.length + 1;
    if (hasEnded) {
      if (line.trim() !== "") sink.broken(number, "it stands behind # EOF");
      continue;
    }
    if (format === "openmetrics" && endMark.test(line)) {
      hasEnded = true;
      continue;
    }
    const problem = readLine(line, number, format, sink);
    if (problem !== null) sink.broken(number, problem);
  }
  if (format === "openmetrics" && !hasEnded) {
    sink.broken(number + 1, "the page ends without # EOF: what follows may be missing");
  }
}
