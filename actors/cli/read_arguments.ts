/**
 * The command line of an operator's task: `TASK [DIR] [--flag VALUE] ...`.
 *
 * 1. Whatever is not understood is refused, by name, with what would be right.
 */

import { nearest } from "./nearest.ts";
import { Refusal } from "./refusal.ts";
import { type Settings, settings } from "../settings.ts";

export interface TaskFlag {
  /** What stands for the value in the help; null for a switch. */
  readonly form: string | null;
  readonly meaning: string;
}

export interface TaskSpec {
  /** As in `deno task`. */
  readonly task: string;
  /** How its refusals begin: "Cannot back up". */
  readonly doing: string;
  /** What the task does and how it is used; the flags follow. */
  readonly introduction: string;
  /** What its word without a flag is; null: it has none. */
  readonly operand: string | null;
  /** Whether there may be more than one of them. */
  readonly takesSeveral?: true;
  readonly flags: Readonly<Record<string, TaskFlag>>;
}

export interface TaskArguments {
  /** The first one; empty where the task has none. */
  readonly operand: string;
  readonly operands: readonly string[];
  /** By flag, as "--data"; of a switch, the empty text. */
  readonly flags: ReadonlyMap<string, string>;
}

export const dataFlag: TaskFlag = {
  form: "FOLDER",
  meaning: `the node's data folder (SENSORIUM_DATA, else ${setting("data").defaultText})`,
};

export const tokenFlags: TaskSpec["flags"] = {
  "--token": { form: "TEXT", meaning: "the node's token, if it has one (SENSORIUM_TOKEN)" },
  "--token-file": { form: "PATH", meaning: "a file that holds it (SENSORIUM_TOKEN_FILE)" },
};

export function taskHelp({ introduction, flags }: TaskSpec): string {
  const all = { ...flags, "--help": { form: null, meaning: "print this" } };
  const spellings = Object.entries(all).map(([flag, { form, meaning }]) =>
    [`${flag} ${form ?? ""}`.trim(), meaning] as const
  );
  const width = Math.max(20, ...spellings.map(([spelling]) => spelling.length));
  const rows = spellings.map(([spelling, meaning]) => `  ${spelling.padEnd(width)} ${meaning}`);
  return `${introduction}\n\n${rows.join("\n")}\n`;
}

/** What `args` say; null: they ask for help. Throws a `Refusal`. */
export function readArguments(spec: TaskSpec, args: readonly string[]): TaskArguments | null {
  if (args.some((arg) => arg === "--help" || arg === "-h")) return null;
  const { task, doing } = spec;
  const flags = new Map<string, string>();
  const operands: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (!arg.startsWith("--")) {
      operands.push(arg);
      continue;
    }
    const [name = "", ...rest] = arg.split("=");
    const flag = Object.hasOwn(spec.flags, name) ? spec.flags[name] : undefined;
    if (flag === undefined) throw unknownFlag(spec, name);
    if (flags.has(name)) throw new Refusal(`${doing}: ${name} is given twice; give it once.`);
    if (flag.form === null) {
      if (rest.length > 0) throw new Refusal(`${doing}: ${name} takes no value.`);
      flags.set(name, "");
      continue;
    }
    const value = rest.length > 0 ? rest.join("=") : args[++at];
    if (value === undefined || value === "" || (rest.length === 0 && value.startsWith("--"))) {
      throw new Refusal(`${doing}: ${name} needs a value. See: deno task ${task} --help`);
    }
    flags.set(name, value);
  }
  return { operand: readOperand(spec, operands), operands, flags };
}

function readOperand(
  { task, doing, operand, takesSeveral }: TaskSpec,
  operands: readonly string[],
): string {
  const [first, second] = operands;
  const extra = operand === null ? first : takesSeveral ? undefined : second;
  if (extra !== undefined) {
    throw new Refusal(`${doing}: "${extra}" is one word too many. See: deno task ${task} --help`);
  }
  if (operand === null) return "";
  if (first === undefined || first === "") {
    throw new Refusal(`${doing}: name ${operand}. See: deno task ${task} --help`);
  }
  return first;
}

function unknownFlag({ task, doing, flags }: TaskSpec, name: string): Refusal {
  const near = nearest(name, Object.keys(flags));
  const hint = near === null ? `See: deno task ${task} --help` : `Did you mean ${near}?`;
  return new Refusal(`${doing}: there is no flag ${name}. ${hint}`);
}

export type Environment = Readonly<Record<string, string>>;

function setting(key: keyof Settings): { readonly variable: string; readonly defaultText: string } {
  const found = settings.find((each) => each.key === key);
  return { variable: found?.variable ?? "", defaultText: found?.defaultText ?? "" };
}

/** The node's data folder, found as the start finds it. */
export function dataFolder({ flags }: TaskArguments, environment: Environment): string {
  const { variable, defaultText } = setting("data");
  return flags.get("--data") ?? (environment[variable] || defaultText);
}

/** The node's token, found as the start finds it; null: none. Throws a `Refusal`. */
export function token(
  { doing }: TaskSpec,
  { flags }: TaskArguments,
  environment: Environment,
  readText: (path: string) => string,
): string | null {
  const { variable } = setting("token");
  const text = flags.get("--token");
  const file = flags.get("--token-file");
  if (text !== undefined && file !== undefined) {
    throw new Refusal(`${doing}: --token and --token-file are both given; give one of them.`);
  }
  const isFlag = text !== undefined || file !== undefined;
  const path = isFlag ? file : environment[`${variable}_FILE`];
  if (path !== undefined && path !== "") {
    try {
      return readText(path).trim();
    } catch (cause) {
      const sentence = `${doing}: the token's file ${path} cannot be read; name a readable one.`;
      throw new Refusal(sentence, { cause });
    }
  }
  return (isFlag ? text : environment[variable]) || null;
}
