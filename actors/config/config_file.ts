/**
 * The configuration file: what is watched, and what is done with it. JSON, read once at the start.
 *
 *     {"sources": {"host": {"type": "target", "url": "http://127.0.0.1:9100/metrics"}},
 *      "rules": {"node": {"match": "{__name__=~\"node_.*\"}", "do": ["metadata"]}}}
 */

import { z } from "zod";
import { nearest } from "../cli/nearest.ts";
import { Refusal } from "../cli/refusal.ts";
import { RuleSpec } from "../rules/rule_spec.ts";
import { serverMembers, SourceSpec, targetMembers } from "../sources/prometheus/source_spec.ts";
import { ConfiguredName } from "./configured.ts";

export const ConfigFile = z.strictObject({
  sources: z.record(ConfiguredName, SourceSpec).prefault({}),
  rules: z.record(ConfiguredName, RuleSpec).prefault({}),
});
export type ConfigFile = z.output<typeof ConfigFile>;

/** Members that could be meant: of the file itself, and of what it holds. */
const knownMembers = [
  ...Object.keys(ConfigFile.shape),
  ...Object.keys(RuleSpec.shape),
  ...targetMembers,
  ...serverMembers,
];

function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, i) => typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`)
    .join("");
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  const where = pathText(issue.path);
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const near = nearest(key, knownMembers);
    const hint = near === null ? "" : `; did you mean ${near}?`;
    return `${where === "" ? "the file" : where} has a member "${key}", which nothing reads${hint}`;
  }
  if (issue.code === "invalid_key") return `${where}: ${issue.issues[0]?.message ?? issue.message}`;
  return where === "" ? issue.message : `${where}: ${issue.message}`;
}

/** Throws a `Refusal` that names the place in the file. */
export function parseConfig(text: string, path: string): ConfigFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new Refusal(
      `Cannot start: ${path} is not JSON: ${thrown instanceof Error ? thrown.message : thrown}.`,
    );
  }
  const parsed = ConfigFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refusal(`Cannot start: in ${path}, ${sentenceOf(parsed.error.issues[0]!)}.`);
}

/** Throws a `Refusal` when there is no such file, or it is none. */
export function readConfig(path: string): ConfigFile {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (thrown) {
    const reason = thrown instanceof Deno.errors.NotFound ? "there is no such file" : String(thrown);
    throw new Refusal(`Cannot start: the configuration ${path} cannot be read: ${reason}. Correct --config.`);
  }
  return parseConfig(text, path);
}
