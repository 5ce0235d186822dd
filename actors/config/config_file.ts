/**
 * The configuration file: what is watched, and what is done with it. JSON, read once at the start.
 *
 *     {"sources": {"host": {"type": "target", "url": "http://127.0.0.1:9100/metrics"}},
 *      "rules": {"node": {"match": "{__name__=~\"node_.*\"}", "do": ["metadata"]}}}
 */

import { z } from "zod";
import { errorMessage } from "../../runtime/core/errors.ts";
import { Refusal } from "../cli/refusal.ts";
import { RuleSpec } from "../rules/rule_spec.ts";
import { misnamed, SourceSpec } from "../sources/prometheus/source_spec.ts";
import { ConfiguredName } from "./configured.ts";
import { mistakeSentence } from "./mistakes.ts";

const ofNames = "an object of names is needed";

const Sources = z.record(ConfiguredName, SourceSpec, { error: ofNames }).superRefine((sources, context) => {
  for (const [name, spec] of Object.entries(sources)) {
    const message = misnamed(name, spec);
    if (message !== null) context.addIssue({ code: "custom", message, path: [name] });
  }
});

export const ConfigFile = z.strictObject({
  sources: Sources.prefault({}),
  rules: z.record(ConfiguredName, RuleSpec, { error: ofNames }).prefault({}),
}, { error: "an object is needed" });
export type ConfigFile = z.output<typeof ConfigFile>;

/** Throws a `Refusal` that names the place in the file. */
export function parseConfig(text: string, path: string): ConfigFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new Refusal(`Cannot start: ${path} is not JSON: ${errorMessage(thrown)}.`);
  }
  const parsed = ConfigFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refusal(`Cannot start: in ${path}, ${mistakeSentence(parsed.error, ConfigFile, "the file")}.`);
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
