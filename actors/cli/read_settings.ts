/**
 * Settings from a command line and an environment.
 *
 * 1. A flag beats a variable; a variable beats the default. An empty variable counts as not set.
 * 2. Whatever is not understood is refused, by name, with what would be right; nothing is guessed or ignored.
 * 3. A secret given twice in the same place, as itself and by its file, is refused.
 */

import { checkNodes } from "./check_nodes.ts";
import { nearest } from "./nearest.ts";
import { Refusal } from "./refusal.ts";
import { type Setting, type Settings, settings, settingsSchema } from "../settings.ts";

export interface SettingsSource {
  /** What follows the command. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** The text of a file that holds a secret. Throws when it cannot be read. */
  readText(path: string): string;
}

/** A text that was given for a setting, and the name it was given under. */
interface Given {
  readonly text: string;
  readonly name: string;
}

/** Of variables that tests read. */
const testPrefix = "SENSORIUM_TEST_";
const fileSuffix = { flag: "-file", variable: "_FILE" };

function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === null ? "See: deno task start cluster --help" : `Did you mean ${near}?`;
}

/** Every flag there is: for switches also the one that turns it off. */
function knownFlags(): readonly string[] {
  return [
    "--help",
    ...settings.flatMap(({ flag, isSwitch, note }) => {
      if (isSwitch) return [flag, flag.replace("--", "--no-")];
      return note.isSecret ? [flag, flag + fileSuffix.flag] : [flag];
    }),
  ];
}

/** The flags by name, each with its text. */
function readFlags(args: readonly string[]): Map<string, string> {
  const known = knownFlags();
  const switches = new Set(
    settings.filter((setting) => setting.isSwitch).flatMap(({ flag }) => [flag, flag.replace("--", "--no-")]),
  );
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? "";
    if (!argument.startsWith("--")) {
      throw new Refusal(`Cannot start: "${argument}" is not a flag. ${didYouMean(`--${argument}`, known)}`);
    }
    const [flag = "", ...rest] = argument.split("=");
    if (!known.includes(flag)) {
      throw new Refusal(`Cannot start: there is no flag ${flag}. ${didYouMean(flag, known)}`);
    }
    if (flags.has(flag)) throw new Refusal(`Cannot start: ${flag} is given twice; give it once.`);
    if (rest.length > 0) flags.set(flag, rest.join("="));
    else if (switches.has(flag)) flags.set(flag, "true");
    else {
      const next = args[++i];
      if (next === undefined || next.startsWith("--")) {
        throw new Refusal(`Cannot start: ${flag} needs a value. See: deno task start cluster --help`);
      }
      flags.set(flag, next);
    }
  }
  return flags;
}

/** The variables that are ours, by name. Refuses those that begin like ours and are not. */
function readVariables(environment: Readonly<Record<string, string>>): Map<string, string> {
  const known = settings.flatMap(({ variable, note }) =>
    note.isSecret ? [variable, variable + fileSuffix.variable] : [variable]
  );
  const variables = new Map<string, string>();
  for (const [name, text] of Object.entries(environment)) {
    if (text === "") continue;
    const isOurs = name.startsWith("SENSORIUM_") || known.includes(name);
    if (!isOurs || name.startsWith(testPrefix)) continue;
    if (!known.includes(name)) {
      throw new Refusal(
        `Cannot start: there is no setting for the variable ${name}. ${didYouMean(name, known)}`,
      );
    }
    variables.set(name, text);
  }
  return variables;
}

function readSecretFile(file: Given, source: SettingsSource): Given {
  try {
    // Editors and `echo` end a file with a newline that nobody means.
    return { text: source.readText(file.text).trim(), name: `the file that ${file.name} names` };
  } catch (cause) {
    throw new Refusal(
      `Cannot start: ${file.name} names ${file.text}, which cannot be read. Give the path of a readable file.`,
      { cause },
    );
  }
}

/** What one place (flags, or variables) says of a setting; null when it is silent. */
function lookUp(
  setting: Setting,
  place: "flag" | "variable",
  texts: ReadonlyMap<string, string>,
  source: SettingsSource,
): Given | null {
  const name = setting[place];
  const text = texts.get(name);
  const fileName = name + fileSuffix[place];
  const path = setting.note.isSecret ? texts.get(fileName) : undefined;
  if (path !== undefined && text !== undefined) {
    throw new Refusal(`Cannot start: ${name} and ${fileName} are both given; give one of them.`);
  }
  if (path !== undefined) return readSecretFile({ text: path, name: fileName }, source);
  if (text !== undefined) return { text, name };
  return null;
}

/** A switch's `--no-` flag says the opposite of the switch. */
function lookUpNo(setting: Setting, flags: ReadonlyMap<string, string>): Given | null {
  if (!setting.isSwitch) return null;
  const name = setting.flag.replace("--", "--no-");
  const text = flags.get(name);
  if (text === undefined) return null;
  if (flags.has(setting.flag)) {
    throw new Refusal(`Cannot start: ${setting.flag} and ${name} are both given; give one of them.`);
  }
  if (text !== "true") throw new Refusal(`Cannot start: ${name} takes no value.`);
  return { text: "false", name };
}

function check(setting: Setting, given: Given): void {
  if (setting.schema.safeParse(given.text).success) return;
  const found = setting.note.isSecret ? `does not fit` : `is "${given.text}"`;
  throw new Refusal(`Cannot start: ${given.name} ${found}; give ${setting.note.expects}.`);
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function checkTogether(settings: Settings): void {
  const { host, port, adminPort, token, insecure } = settings;
  if (port === adminPort && port !== 0) {
    throw new Refusal(`Cannot start: --port and --admin-port are both ${port}; give two different ports.`);
  }
  if (!isLoopback(host) && token === undefined && !insecure) {
    throw new Refusal(
      `Cannot listen on ${host}: others can reach that address and no token is set. Set SENSORIUM_TOKEN, or say ` +
        `--insecure if everyone who can reach it may read and write.`,
    );
  }
  checkNodes(settings);
}

/** The settings that `source` asks for. Throws a `Refusal`. */
export function readSettings(source: SettingsSource): Settings {
  const flags = readFlags(source.args);
  const variables = readVariables(source.environment);
  const texts: Partial<Record<keyof Settings, string>> = {};
  for (const setting of settings) {
    const given = lookUpNo(setting, flags) ?? lookUp(setting, "flag", flags, source) ??
      lookUp(setting, "variable", variables, source);
    if (given === null) continue;
    check(setting, given);
    texts[setting.key] = given.text;
  }
  const parsed = settingsSchema.parse(texts);
  checkTogether(parsed);
  return parsed;
}
