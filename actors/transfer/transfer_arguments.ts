/** Flags that imports and exports have in common. */

import { Refusal } from "../cli/refusal.ts";
import type { TaskArguments, TaskFlag, TaskSpec } from "../cli/read_arguments.ts";
import type { Labels } from "../series/sample.ts";

const defaultUrl = "http://127.0.0.1:5002";

export const urlFlag: TaskFlag = { form: "URL", meaning: `where the node listens (${defaultUrl})` };

/** The node's address, ending in a slash. */
export function address({ doing }: TaskSpec, { flags }: TaskArguments): URL {
  const text = flags.get("--url") ?? defaultUrl;
  const url = URL.canParse(text) ? new URL(text.endsWith("/") ? text : `${text}/`) : null;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new Refusal(`${doing}: --url is ${text}; an address such as ${defaultUrl} is right.`);
}

/** Of `a=b,c=d`. */
export function labelsOf({ doing }: TaskSpec, text: string): Labels {
  if (text === "") return {};
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const at = pair.indexOf("=");
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new Refusal(`${doing}: --label has ${pair}; a=b, or a=b,c=d is right.`);
    }),
  );
}

export function wholeNumber(
  { doing }: TaskSpec,
  { flags }: TaskArguments,
  flag: string,
  fallback: number,
  max: number,
): number {
  const text = flags.get(flag) ?? String(fallback);
  if (/^[1-9]\d{0,8}$/.test(text) && Number(text) <= max) return Number(text);
  throw new Refusal(`${doing}: ${flag} is ${text}; a whole number from 1 to ${max} is right.`);
}
