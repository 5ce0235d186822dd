/**
 * Which series are meant, written as a vector selector of PromQL: `name{label="value",other=~"pattern"}`.
 *
 * 1. `=` and `!=` compare, `=~` and `!~` match the whole value against a regular expression in RE2's syntax, in which
 *    a dot is any character. A label that a series has not is the empty text.
 * 2. The name is the label `__name__`.
 * 3. At least one matcher refuses the empty text, so that no selector means everything by mistake.
 * 4. Matching takes time linear in the value's length, whatever the pattern.
 * 5. An id that `seriesId` made, of a name that PromQL knows, is a selector that means the series of that id.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors. Beyond it, names and
 * labels may have dots without being quoted, as they have in ids.
 */

import { maxMatchers, maxMatchersUnits } from "./limits.ts";
import { PatternError, WholePattern } from "./whole_pattern.ts";
import { parseSeriesId, type SeriesParts } from "./sample.ts";
import { SelectorError, SelectorReader } from "./selector_reader.ts";

const operators = ["=~", "!~", "!=", "="] as const;
type Operator = typeof operators[number];

interface Matcher {
  readonly label: string;
  readonly accepts: (value: string) => boolean;
}

/** What a series must be like, by all of them. */
export interface Matchers {
  /** As it was written. */
  readonly text: string;
  readonly all: readonly Matcher[];
}

const nameLabel = "__name__";
const metricName = /[A-Za-z_:][A-Za-z0-9_:.]*/y;
const labelName = /[A-Za-z_][A-Za-z0-9_.]*/y;

function matcher(label: string, operator: Operator, operand: string): Matcher {
  switch (operator) {
    case "=":
      return { label, accepts: (value) => value === operand };
    case "!=":
      return { label, accepts: (value) => value !== operand };
    case "=~":
    case "!~": {
      const pattern = new WholePattern(operand);
      const isWanted = operator === "=~";
      return { label, accepts: (value) => pattern.matches(value) === isWanted };
    }
  }
}

function readMatcher(reader: SelectorReader): Matcher {
  const quoted = reader.string();
  const label = quoted ?? reader.word(labelName);
  if (label === null) throw reader.error("a label's name, or }");
  if (label === "") throw reader.error("a label's name before this, not an empty text");
  const operator = reader.oneOf(operators);
  if (operator === null) {
    // Since version 3 a name that is quoted stands among the labels.
    if (quoted !== null) return matcher(nameLabel, "=", quoted);
    throw reader.error("=, !=, =~ or !~ after a label's name");
  }
  const operand = reader.string();
  if (operand === null) throw reader.error("a value in quotes");
  try {
    return matcher(label, operator, operand);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new SelectorError(`The pattern of ${label} ${error.message}`, { cause: error });
  }
}

function readBraces(reader: SelectorReader): Matcher[] {
  const found: Matcher[] = [];
  while (reader.oneOf(["}"]) === null) {
    found.push(readMatcher(reader));
    if (reader.oneOf([","]) !== null) continue;
    if (reader.oneOf(["}"]) !== null) break;
    throw reader.error("a comma, or }");
  }
  return found;
}

function check(all: readonly Matcher[]): void {
  if (all.length > maxMatchers) {
    throw new SelectorError(`It has ${all.length} matchers; at most ${maxMatchers} are taken`);
  }
  if (all.every(({ accepts }) => accepts(""))) {
    throw new SelectorError(
      'It would take every series: at least one matcher must refuse an empty value, as {__name__=~".+"} does',
    );
  }
}

/** Reads a selector. Throws a `SelectorError`, whose message is a sentence without a full stop. */
export function parseMatchers(text: string): Matchers {
  if (text.length > maxMatchersUnits) {
    throw new SelectorError(`It has ${text.length} characters; at most ${maxMatchersUnits} are taken`);
  }
  const reader = new SelectorReader(text);
  const name = reader.word(metricName);
  const hasBraces = reader.oneOf(["{"]) !== null;
  if (name === null && !hasBraces) throw reader.error("a name, or {");
  const inBraces = hasBraces ? readBraces(reader) : [];
  if (!reader.isAtEnd) throw reader.error("its end");
  const names = inBraces.filter(({ label }) => label === nameLabel).length;
  if (name !== null && names > 0) {
    throw new SelectorError(`It says the name twice: as ${name} and among the labels; once is right`);
  }
  const all = name === null ? inBraces : [matcher(nameLabel, "=", name), ...inBraces];
  check(all);
  return { text, all };
}

/** Whether a series is meant, where its name and labels are known. */
export function matchesSeries({ all }: Matchers, { name, labels }: SeriesParts): boolean {
  return all.every(({ label, accepts }) => {
    if (label === nameLabel) return accepts(name);
    return accepts(Object.hasOwn(labels, label) ? labels[label]! : "");
  });
}

/** Whether the series of this id is meant. */
export function matches(matchers: Matchers, id: string): boolean {
  return matchesSeries(matchers, parseSeriesId(id));
}
