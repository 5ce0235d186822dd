/** What a Dockerfile says, as far as ours says it: no heredocs, no parser directives, no quotes in `ENV`. */

export interface Instruction {
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  /** What it is called by later stages; null of one that nobody calls. */
  readonly name: string | null;
  /** An earlier stage's name, or an image. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(text: string): readonly Stage[] {
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const instruction of readInstructions(text)) {
    if (instruction.name === "FROM") {
      const [from = "", , name] = words(instruction.text);
      stages.push({ name: name ?? null, from, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function readInstructions(text: string): readonly Instruction[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n").replaceAll("\\\n", "");
  return lines.split("\n").filter((line) => line !== "").map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, text: rest.trim() };
  });
}

export function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** The words of an instruction in brackets, such as `ENTRYPOINT ["deno", "run"]`. */
export function execForm(text: string): readonly string[] {
  const list: unknown = JSON.parse(text.slice(text.indexOf("[")));
  if (!Array.isArray(list)) throw new Error(`${text} has no list in brackets`);
  return list.map(String);
}

/** The variables that `ENV` instructions set. */
export function variablesOf(instructions: readonly Instruction[]): Readonly<Record<string, string>> {
  const pairs = instructions.filter(({ name }) => name === "ENV").flatMap(({ text }) => words(text));
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}

/**
 * Whether a path of the build's folder is kept from the build by the lines of `.dockerignore`: the last that fits it, or
 * a folder above it, decides. Of patterns it knows `*` and `**` with a slash.
 * https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function ignores(text: string): (path: string) => boolean {
  const rules = text.split("\n").filter((line) => !/^(#|\s*$)/.test(line)).map((line) => {
    const isException = line.startsWith("!");
    return { isException, pattern: patternOf(line.replace(/^!/, "")) };
  });
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.isException === false;
}

function patternOf(line: string): RegExp {
  const source = line.split(/(\*\*\/|\*)/).map((part) => {
    if (part === "**/") return "(.*/)?";
    return part === "*" ? "[^/]*" : part.replace(/[.+^$(){}|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}(/|$)`);
}
