/**
 * Keeps secrets out of what is logged.
 *
 * 1. What the settings call secret never stands in a line, wherever it comes from.
 * 2. Neither does what looks like a secret of others: credentials in URLs, `Authorization` values, parameters and fields
 *    that are called like one.
 */

import type { NoticeFields } from "../../runtime/node/notice.ts";

const redacted = "[redacted]";

const secretName = "token|secret|password|passwd|pwd|authorization|cookie|credentials?|api[-_]?key";

const patterns: readonly (readonly [RegExp, string])[] = [
  // user:password@ and token@, of any scheme.
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi, `$1${redacted}@`],
  [/\b(bearer|basic)\s+[\w+/=.~-]{6,}/gi, `$1 ${redacted}`],
  [new RegExp(`([?&;](?:[\\w-]*(?:${secretName}))=)[^&;\\s"'<>]+`, "gi"), `$1${redacted}`],
];
const secretField = new RegExp(secretName, "i");

export interface Redactor {
  text(text: string): string;
  fields(fields: NoticeFields): NoticeFields;
}

export function redactor(secrets: readonly string[]): Redactor {
  const spellings = [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))];
  const text = (raw: string) => {
    let clean = raw;
    for (const spelling of spellings) clean = clean.replaceAll(spelling, redacted);
    for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
    return clean;
  };
  return {
    text,
    fields: (fields) =>
      Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          name,
          typeof value !== "string" ? value : secretField.test(name) ? redacted : text(value),
        ]),
      ),
  };
}
