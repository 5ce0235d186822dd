/**
 * The image of the Dockerfile without Docker: its own lines, run one by one, and a container of it.
 *
 * 1. A stage is a layer over what it begins with; an image of others is taken to be this machine's own files, and the
 *    official one of Deno to be the Deno that runs this.
 * 2. `COPY` sees of the checkout what `.dockerignore` leaves.
 * 3. A container has no network, nothing that it may write to but /data and /tmp, and the image's user and variables.
 *    Its first process is the image's command.
 *
 * It needs root. All is gone with the disk that it is on.
 */

import { basename, dirname, join, relative } from "node:path";
import {
  execForm,
  ignores,
  type Instruction,
  readDockerfile,
  type Stage,
  variablesOf,
  words,
} from "./dockerfile.ts";
import { eventually } from "./eventually.ts";
import { childOf, killHard } from "./process_tree.ts";
import { within } from "./within.ts";

const checkout = new URL("../../", import.meta.url).pathname;
const startDeadlineMs = 30_000;
const runDeadlineMs = 120_000;
/** What operators are told to give it. */
const stopDeadlineMs = 45_000;
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Programs that it needs besides root. */
export const imagePrograms = ["unshare", "nsenter", "chroot", "mount", "ip"] as const;

/** Puts layers together: $1 the overlay's options, $2 the folder that becomes the root. */
const mounting = `set -e
mount -t overlay overlay -o "$1" "$2"
mount -t proc proc "$2/proc"
mount --rbind /dev "$2/dev"`;

export interface Image {
  /** From the lowest to the uppermost. */
  readonly layers: readonly string[];
  readonly instructions: readonly Instruction[];
}

export interface Output {
  readonly code: number;
  readonly text: string;
}

/** Builds in `folder`, which must not be on the disk of this machine's root, as overlays go. */
export async function buildImage(folder: string): Promise<Image> {
  const stages = readDockerfile(await Deno.readTextFile(join(checkout, "Dockerfile")));
  await Deno.mkdir(join(folder, "root"));
  await Deno.mkdir(join(folder, "work"));
  const built = new Map<string, Image>();
  let image: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    image = await buildStage(stage, join(folder, `${index}`), built);
    built.set(stage.name ?? "", image);
  }
  if (image === undefined) throw new Error("The Dockerfile has no FROM");
  return image;
}

async function buildStage(stage: Stage, layer: string, built: ReadonlyMap<string, Image>): Promise<Image> {
  await Deno.mkdir(layer);
  if (stage.from.startsWith("denoland/deno:bin-")) {
    await Deno.copyFile(Deno.execPath(), join(layer, "deno"));
    return { layers: [layer], instructions: [] };
  }
  const below = built.get(stage.from) ?? { layers: ["/"], instructions: [] };
  const layers = [...below.layers, layer];
  const done = [...below.instructions];
  for (const instruction of stage.instructions) {
    if (instruction.name === "COPY") await copy(instruction, done, layer, built);
    if (instruction.name === "WORKDIR") await Deno.mkdir(join(layer, instruction.text), { recursive: true });
    if (instruction.name === "RUN") await run({ layers, instructions: done }, instruction.text);
    done.push(instruction);
  }
  return { layers, instructions: done };
}

async function copy(
  { text }: Instruction,
  done: readonly Instruction[],
  layer: string,
  built: ReadonlyMap<string, Image>,
): Promise<void> {
  const [, stage, rest = ""] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(text) ?? [];
  const sources = words(rest).slice(0, -1);
  const written = words(rest).at(-1) ?? "";
  const target = written.startsWith("/") ? written : join(last(done, "WORKDIR") ?? "/", written);
  for (const source of sources) {
    if (stage === undefined) {
      await copyFromCheckout(source, join(layer, intoFolder(written, target, source)));
      continue;
    }
    const from = built.get(stage);
    if (from === undefined) throw new Error(`COPY ${text}: there is no stage ${stage}`);
    await copyFromStage(from, source, join(layer, target));
  }
}

/** A file copied to what ends in a slash goes into it under its own name; a folder's content goes into it. */
function intoFolder(written: string, target: string, source: string): string {
  const isFile = Deno.statSync(join(checkout, source)).isFile;
  return isFile && written.endsWith("/") ? join(target, basename(source)) : target;
}

async function copyFromCheckout(source: string, target: string): Promise<void> {
  const isIgnored = ignores(await Deno.readTextFile(join(checkout, ".dockerignore")));
  const files = await filesBelow(join(checkout, source));
  for (const file of files.filter((each) => !isIgnored(relative(checkout, each)))) {
    const to = join(target, relative(join(checkout, source), file));
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.copyFile(file, to);
  }
}

async function filesBelow(start: string): Promise<readonly string[]> {
  if ((await Deno.stat(start)).isFile) return [start];
  const entries = await Array.fromAsync(Deno.readDir(start));
  return (await Promise.all(entries.map(({ name }) => filesBelow(join(start, name))))).flat();
}

async function copyFromStage({ layers }: Image, source: string, target: string): Promise<void> {
  await Deno.mkdir(dirname(target), { recursive: true });
  if (layers.length === 1) return await Deno.copyFile(join(layers[0] ?? "", source), target);
  const script = `${mounting}\ncp -a "$2$3" "$4"`;
  await mustRun(["unshare", "--mount", "sh", "-c", script, "sh", ...overlay(layers), source, target]);
}

/** What tells Deno how this machine reaches the packages' registry. */
const networkVariables = [
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_REGISTRY",
];

/** A `RUN`: by root, and with this machine's network. */
async function run(image: Image, text: string): Promise<void> {
  const network = networkVariables.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const script = `${mounting}\nroot=$2; shift 2\nexec chroot "$root" "$@"`;
  const command = environment(image, { HOME: "/root", ...Object.fromEntries(network) }, ["sh", "-c", text]);
  await mustRun(["unshare", "--mount", "sh", "-c", script, "sh", ...overlay(image.layers, true), ...command]);
}

/** The words of a program with the image's variables and folder, and no others. */
function environment(
  { instructions }: Image,
  more: Readonly<Record<string, string>>,
  command: readonly string[],
): readonly string[] {
  const variables = Object.entries({ PATH: path, ...variablesOf(instructions), ...more });
  const workdir = last(instructions, "WORKDIR") ?? "/";
  return [
    "env",
    "-i",
    `--chdir=${workdir}`,
    ...variables.map(([name, value]) => `${name}=${value}`),
    ...command,
  ];
}

/** The options and the place of a mount. */
function overlay(layers: readonly string[], isWritten = false): readonly [string, string] {
  const folder = dirname(layers.at(-1) ?? "");
  const lower = (isWritten ? layers.slice(0, -1) : layers).toReversed().join(":");
  const upper = isWritten ? `,upperdir=${layers.at(-1)},workdir=${join(folder, "work")}` : "";
  return [`lowerdir=${lower}${upper}`, join(folder, "root")];
}

function last(instructions: readonly Instruction[], name: string): string | undefined {
  return instructions.findLast((instruction) => instruction.name === name)?.text;
}

async function mustRun(command: readonly string[]): Promise<void> {
  const { code, text } = await output(command);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${text}`);
}

async function output([program = "", ...args]: readonly string[]): Promise<Output> {
  const command = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await within(`${program} to end`, command.output(), runDeadlineMs);
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

export class Container implements AsyncDisposable {
  readonly #image: Image;
  readonly #variables: Readonly<Record<string, string>>;
  readonly #process: Deno.ChildProcess;
  /** What it wrote, by its end. */
  readonly ended: Promise<Output>;

  constructor(image: Image, variables: Readonly<Record<string, string>> = {}) {
    this.#image = image;
    this.#variables = variables;
    const { instructions, layers } = image;
    const command = ["ENTRYPOINT", "CMD"].flatMap((name) => execForm(last(instructions, name) ?? "[]"));
    // Docker makes a volume of what the image has at its place.
    const script = `${mounting}
mount -t tmpfs tmpfs "$2/tmp"
mkdir -p "$2/../volume"
cp -a "$2/data/." "$2/../volume"
mount --bind "$2/../volume" "$2/data"
ip link set lo up
root=$2; shift 2
exec chroot "$@"`;
    const unshare = ["--mount", "--net", "--pid", "--fork"];
    this.#process = new Deno.Command("unshare", {
      args: [...unshare, "sh", "-c", script, "sh", ...overlay(layers), ...this.#inside(command)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.ended = this.#process.output().then(({ code, stdout, stderr }) => ({
      code,
      text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr),
    }));
  }

  /** Runs a program beside the image's own, as its user. */
  async run(command: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Output> {
    const target = `--target=${await this.#firstProcess()}`;
    const inside = this.#inside(command, variables);
    return await output(["nsenter", target, "--mount", "--net", "--pid", "chroot", ...inside]);
  }

  async healthCheck(variables: Readonly<Record<string, string>> = {}): Promise<Output> {
    return await this.run(execForm(last(this.#image.instructions, "HEALTHCHECK") ?? ""), variables);
  }

  /** As `docker stop`. */
  async stop(): Promise<Output> {
    const signal = last(this.#image.instructions, "STOPSIGNAL");
    if (signal !== "SIGTERM") throw new Error(`STOPSIGNAL is ${signal}`);
    Deno.kill(await this.#firstProcess(), signal);
    return await within("the container to stop", this.ended, stopDeadlineMs);
  }

  /** `unshare` takes a moment to start it. */
  async #firstProcess(): Promise<number> {
    const ended = this.ended.then(({ text }): never => {
      throw new Error(`The container has ended: ${text}`);
    });
    const started = eventually(
      "the container's first process",
      startDeadlineMs,
      () => childOf(this.#process.pid),
    );
    return await Promise.race([started, ended]);
  }

  #inside(command: readonly string[], more: Readonly<Record<string, string>> = {}): readonly string[] {
    const { layers, instructions } = this.#image;
    const variables = { ...this.#variables, ...more };
    const [, root] = overlay(layers);
    const user = `--userspec=${last(instructions, "USER") ?? "0:0"}`;
    return [user, "--groups=", root, ...environment(this.#image, variables, command)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // With the first process of its own, a container's others end.
    killHard(await childOf(this.#process.pid));
    killHard(this.#process.pid);
    await this.ended;
  }
}
