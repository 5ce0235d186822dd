/** Which Java runs Kafka. */

import { join } from "node:path";
import { Refusal } from "../../actors/cli/refusal.ts";
import { oldestJavaMajor } from "./limits.ts";

/** `$JAVA_HOME/bin/java`, or the one on the PATH. */
export function javaProgram(environment: Readonly<Record<string, string>>): string {
  const home = environment["JAVA_HOME"];
  return home ? join(home, "bin", "java") : "java";
}

/** The major version that `java -version` prints: 17 of `"17.0.15"`, 8 of `"1.8.0_392"`; null when it prints none. */
export function parseJavaMajor(printed: string): number | null {
  const found = /version "(?:1\.)?(\d+)/.exec(printed);
  return found === null ? null : Number(found[1]);
}

/** Throws a `Refusal` unless `program` runs, and is new enough. */
export async function checkJava(program: string): Promise<void> {
  const { stderr } = await new Deno.Command(program, { args: ["-version"], stderr: "piped" }).output();
  const major = parseJavaMajor(new TextDecoder().decode(stderr));
  if (major !== null && major >= oldestJavaMajor) return;
  throw new Refusal(
    `Cannot start Kafka: it needs Java ${oldestJavaMajor} or later, and ${program} is ${
      major === null ? "no Java" : `Java ${major}`
    }. Install a later one (apt-get install openjdk-17-jre-headless) and set JAVA_HOME to its folder.`,
  );
}
