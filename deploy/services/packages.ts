/** Programs that the system must have, and the Debian packages that bring them. */

import { Refusal } from "../../actors/cli/refusal.ts";
import { javaProgram } from "./java.ts";
import { run } from "./processes.ts";
import { findProgram } from "./programs.ts";
import type { Kind } from "./state.ts";

/** On a slow line. */
const installDeadlineMs = 15 * 60_000;

/** Java packages that are new enough, the best first. A system's `default-jre-headless` may be too old. */
const javaPackages = ["openjdk-21-jre-headless", "openjdk-17-jre-headless"];

const programsOf = (kind: Kind): readonly string[] => {
  switch (kind) {
    case "kafka":
      return [javaProgram(Deno.env.toObject())];
    case "mariadb":
      return ["mariadbd", "mariadb-install-db"];
    case "redis":
      return ["redis-server"];
  }
};

/** The kinds of which a program is missing. */
function lacking(wanted: readonly Kind[]): readonly Kind[] {
  return wanted.filter((kind) => programsOf(kind).some((program) => findProgram(program) === null));
}

async function packageOf(kind: Kind): Promise<string> {
  if (kind === "mariadb") return "mariadb-server";
  if (kind === "redis") return "redis-server";
  for (const name of javaPackages) {
    const isKnown = await run("apt-cache", ["show", name], installDeadlineMs).then(() => true, () => false);
    if (isKnown) return name;
  }
  return "default-jre-headless";
}

const packagesOf = (wanted: readonly Kind[]): Promise<string[]> => Promise.all(wanted.map(packageOf));

/** What the servers need is there afterwards. Throws a `Refusal`. */
export async function needPackages(
  wanted: readonly Kind[],
  mayInstall: boolean,
  say: (line: string) => void,
): Promise<void> {
  const missing = lacking(wanted);
  if (missing.length === 0) return;
  if (missing.includes("kafka") && Deno.env.get("JAVA_HOME")) {
    throw new Refusal(
      `Cannot start Kafka: JAVA_HOME is set, and there is no ${
        programsOf("kafka")[0]
      }. Correct it, or unset it.`,
    );
  }
  if (!mayInstall) throw new Refusal(missingSentence(await packagesOf(missing)));
  if (Deno.uid() !== 0) {
    throw new Refusal(
      `${missingSentence(await packagesOf(missing))} --install itself would have to be run by root.`,
    );
  }
  if (findProgram("apt-get") === null) {
    throw new Refusal(
      "Cannot install packages: there is no apt-get here. Install Java 17, MariaDB and Redis yourself.",
    );
  }
  say("Reading the lists of packages ...");
  await run("apt-get", ["update", "-qq"], installDeadlineMs);
  const packages = await packagesOf(missing);
  say(`Installing ${packages.join(", ")} ...`);
  const quiet = ["DEBIAN_FRONTEND=noninteractive", "apt-get"];
  await run(
    "env",
    [...quiet, "install", "-y", "-qq", "--no-install-recommends", ...packages],
    installDeadlineMs,
  );
}

function missingSentence(packages: readonly string[]): string {
  const list = packages.join(" ");
  return `Cannot start the servers: this system lacks ${packages.join(", ")}. Install ` +
    `${packages.length === 1 ? "it" : "them"}: sudo apt-get install --no-install-recommends ${list} ` +
    "(as root, `deno task services up --install` does it).";
}
