/** The name and labels of a series as a page of metrics writes them. */

import type { SeriesParts } from "../../series/sample.ts";

/** What could be read of it, or what is wrong with it, which completes "the line is broken: …". */
export type SeriesText = SeriesParts | { readonly sentence: string };

const nameForm = /^[A-Za-z_:][A-Za-z0-9_:]*$/;
// A name that is quoted may be any: https://prometheus.io/docs/guides/utf8/. Without "=" it is the metric's.
const pair =
  /[ \t]*(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"\\]|\\[^])*)")[ \t]*(=[ \t]*"((?:[^"\\]|\\[^])*)")?[ \t]*(,|$)/y;

/** As Prometheus' scraper does: a backslash before anything else is a backslash (model/textparse, `lvalReplacer`). */
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\"n])/g, (_, escaped: string) => escaped === "n" ? "\n" : escaped);
}

/** Reads the text that `readExposition` told with a sample. A label without a value is none, as in Prometheus. */
export function parseSeriesText(text: string): SeriesText {
  const open = text.indexOf("{");
  let name = (open === -1 ? text : text.slice(0, open)).trimEnd();
  const inBraces = open === -1 ? "" : text.slice(open + 1, -1).trim();
  const labels: Record<string, string> = {};
  const seen = new Set<string>();
  for (let at = 0; at < inBraces.length; at = pair.lastIndex) {
    pair.lastIndex = at;
    const [whole, plain, quoted, equals, value = ""] = pair.exec(inBraces) ?? [];
    if (whole === undefined) {
      return { sentence: `its labels cannot be read from "${inBraces.slice(at, at + 30)}" on` };
    }
    if (equals === undefined) {
      if (quoted === undefined || name !== "") {
        return { sentence: `its label ${plain ?? quoted} has no value` };
      }
      name = unescape(quoted);
      continue;
    }
    const label = plain ?? unescape(quoted ?? "");
    if (label.startsWith("__")) {
      return { sentence: `its label ${label} has a name that Prometheus keeps to itself` };
    }
    if (seen.has(label)) return { sentence: `it has the label ${label} twice` };
    seen.add(label);
    if (value !== "") labels[label] = unescape(value);
  }
  if (name === "") return { sentence: "it has no name" };
  if (open !== 0 && !nameForm.test(name)) {
    return { sentence: `"${name.slice(0, 40)}" is no name of a metric` };
  }
  return { name, labels };
}
