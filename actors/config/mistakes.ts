/** What is wrong with something that a person has configured, as a sentence that names its place. */

import { z } from "zod";
import { nearest } from "../cli/nearest.ts";

/** Names of the members of all objects within a schema: what a misspelt one could be meant to be. */
function membersOf(schema: z.ZodType): readonly string[] {
  const names = new Set<string>();
  JSON.stringify(
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }),
    (key, value: unknown) => {
      if (key === "properties") Object.keys(Object(value)).forEach((name) => names.add(name));
      return value;
    },
  );
  return [...names];
}

function placeText(path: readonly PropertyKey[]): string {
  return path.map((part, i) => typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`)
    .join("");
}

/**
 * The first mistake that `schema` found, without a full stop.
 *
 * @param whole names the whole, for mistakes that are nowhere else: "the file"
 */
export function mistakeSentence({ issues }: z.ZodError, schema: z.ZodType, whole: string): string {
  const [issue] = issues;
  if (issue === undefined) return `${whole} is wrong`;
  const place = issue.path.length === 0 ? whole : placeText(issue.path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const [key = ""] = issue.keys;
      const members = membersOf(schema);
      if (members.includes(key)) {
        return `${place} has a member ${JSON.stringify(key)}, which nothing reads there: ` +
          "it belongs to another type, or elsewhere";
      }
      const near = nearest(key, members);
      const hint = near === null ? "" : `; did you mean ${near}?`;
      return `${place} has a member ${JSON.stringify(key)}, which nothing reads${hint}`;
    }
    case "invalid_key":
      return `${place}: ${issue.issues[0]?.message ?? issue.message}`;
    default:
      return `${place}: ${issue.message}`;
  }
}
