/**
 * Times as files of values have them.
 *
 *     2026-01-31T12:00:00Z   2026-01-31T12:00:00.5+01:00     RFC 3339
 *     2026-01-31 12:00:00    2026-01-31T12:00   2026-01-31   the same without a zone: UTC
 *     1769860800   1769860800.5                              epoch seconds, below 10¹¹: until the year 5138
 *     1769860800000                                          epoch milliseconds, from 10¹¹ on: since March 1973
 */

import { isTimeMs, parseRfc3339 } from "../sensors/timestamp.ts";

const epoch = /^\d{1,15}(?:\.\d{1,9})?$/;
const withoutZone = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;
const firstMilliseconds = 1e11;

/** Lengths of what is completed to a whole time. */
const dateUnits = "2026-01-31".length;
const minuteUnits = "2026-01-31T12:00".length;

const zero = 48;
const [dash, colon, space, dot, letterT, letterZ] = ["-", ":", " ", ".", "T", "Z"].map((text) =>
  text.charCodeAt(0)
);

/** The number of so many digits from `at` on; NaN where there are others. */
function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - zero;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

/** Days from 1970-01-01: https://howardhinnant.github.io/date_algorithms.html#days_from_civil, for years from 0 on. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Whether nothing, `Z` or `.123Z` follows the seconds. */
function hasUsualEnd(text: string): boolean {
  const { length } = text;
  if (length === 19) return true;
  if (text.charCodeAt(length - 1) !== letterZ) return false;
  return length === 20 || length === 24 && text.charCodeAt(19) === dot;
}

/** The forms that most files have, `2026-01-31 12:00:00` and `2026-01-31T12:00:00.123Z`; null: any other, or none. */
function parseUsual(text: string): number | null {
  const isUsual = hasUsualEnd(text) && text.charCodeAt(4) === dash && text.charCodeAt(7) === dash &&
    text.charCodeAt(13) === colon && text.charCodeAt(16) === colon &&
    (text.charCodeAt(10) === space || text.charCodeAt(10) === letterT);
  if (!isUsual) return null;
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)];
  const [hour, minute, second] = [digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)];
  const ms = text.length === 24 ? digits(text, 20, 3) : 0;
  // Days that not every month has are the general way's to judge.
  const isRight = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 28 && hour <= 23 &&
    minute <= 59 && second <= 59 && ms >= 0;
  if (!isRight) return null;
  return ((daysFromCivil(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + ms;
}

/** Epoch milliseconds; null: it is no time, or one before 1970. */
export function parseCsvTime(text: string): number | null {
  return parseUsual(text) ?? parseAny(text);
}

function parseAny(text: string): number | null {
  if (epoch.test(text)) {
    const number = Number(text);
    const timeMs = Math.round(number < firstMilliseconds ? number * 1000 : number);
    return isTimeMs(timeMs) ? timeMs : null;
  }
  if (!withoutZone.test(text)) return parseRfc3339(text);
  if (text.length === dateUnits) return parseRfc3339(`${text}T00:00:00Z`);
  return parseRfc3339(text.length === minuteUnits ? `${text}:00Z` : `${text}Z`);
}
