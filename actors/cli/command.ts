/** What a command line asks for, as the launcher and the node read it. */

import { secretsOf, type Settings } from "../settings.ts";
import { describeDenoVersion } from "./deno_version.ts";
import { helpText } from "./help.ts";
import { nearest } from "./nearest.ts";
import { readSettings } from "./read_settings.ts";
import { type Redactor, redactor } from "./redact.ts";
import { Refusal } from "./refusal.ts";

export type Command =
  | { readonly type: "help"; readonly text: string }
  | {
    readonly type: "start";
    readonly settings: Settings;
    /** Keeps the settings' secrets out of what is said. */
    readonly redactor: Redactor;
    /** Of Deno, for a person. */
    readonly denoVersion: string;
  };

/** Throws a `Refusal`. */
export function readCommand(
  [command, ...args]: readonly string[],
  environment: Readonly<Record<string, string>>,
): Command {
  const isHelpWanted = [command, ...args].some((arg) => arg === "--help" || arg === "-h");
  if (command === undefined || command === "help" || isHelpWanted) return { type: "help", text: helpText() };
  if (command !== "cluster") {
    const near = nearest(command, ["cluster"]);
    const hint = near === null ? "Start a node with: deno task start cluster" : `Did you mean ${near}?`;
    throw new Refusal(`Cannot start: there is no command "${command}". ${hint}`);
  }
  const builtVersion = Deno.readTextFileSync(new URL("../../.deno-version", import.meta.url)).trim();
  const denoVersion = describeDenoVersion(Deno.version.deno, builtVersion);
  const settings = readSettings({ args, environment, readText: (path) => Deno.readTextFileSync(path) });
  return { type: "start", settings, redactor: redactor(secretsOf(settings)), denoVersion };
}
