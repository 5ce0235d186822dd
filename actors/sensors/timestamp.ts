/** Times as people and programs write them: epoch milliseconds or RFC 3339. */

/** The last time that a `Date` can hold. */
export const maxTimeMs = 8.64e15;

/** What a time may look like, for error messages. */
export const timeForms = "epoch milliseconds or RFC 3339 (2026-01-31T12:00:00Z) is needed";

// RFC 3339, section 5.6, with a space allowed for the T as its note suggests.
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** What JSON Schema can say of such a text. */
export const rfc3339Shape = { format: "date-time", pattern: "^(19[7-9][0-9]|[2-9][0-9]{3})-" };

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/**
 * Epoch milliseconds of an RFC 3339 text; digits after the third of a second's fraction are cut off. A leap second
 * is the first moment after it, as in POSIX. Null when the text is none, or before 1970.
 */
export function parseRfc3339(text: string): number | null {
  const match = rfc3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [, , , , , , , fraction = "", sign, offsetHours = "0", offsetMinutes = "0"] = match;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  if (hour > 23 || minute > 59 || second > 60 || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) {
    return null;
  }
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === "-" ? -1 : 1);
  const ms = Number(fraction.slice(0, 3).padEnd(3, "0"));
  const timeMs = Date.UTC(year, month - 1, day, hour, minute - offset, second, ms);
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return year < 100 || timeMs < 0 ? null : timeMs;
}

export function isTimeMs(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maxTimeMs;
}

/** Epoch milliseconds of a number or a text; null when it is no time. */
export function parseTime(value: unknown): number | null {
  if (typeof value === "string") return parseRfc3339(value);
  return isTimeMs(value) ? value : null;
}

/** Up to the year 33,658: every number of so many digits is a time. */
const timeDigits = /^[0-9]{1,15}$/;

/** What JSON Schema can say of a time in a URL. */
export const timeArgumentShape = {
  anyOf: [{ type: "string", pattern: timeDigits.source }, { type: "string", ...rfc3339Shape }],
};

/** The same from a URL, where a number arrives as digits. */
export function parseTimeArgument(value: unknown): number | null {
  return typeof value === "string" && timeDigits.test(value) ? parseTime(Number(value)) : parseTime(value);
}
