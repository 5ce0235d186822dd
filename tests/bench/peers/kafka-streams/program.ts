/** The peer as a program: its jars fetched, its one source file compiled at its first use. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { Refusal } from "../../../../actors/cli/refusal.ts";
import { showProgress } from "../../../../actors/operations/progress.ts";
import {
  cacheFolder,
  type DownloadProgress,
  fetchJars,
  fetchKafka,
} from "../../../../deploy/services/download.ts";
import { javaProgram } from "../../../../deploy/services/java.ts";
import { preparationDeadlineMs } from "../../../../deploy/services/limits.ts";
import { run } from "../../../../deploy/services/processes.ts";
import { findProgram } from "../../../../deploy/services/programs.ts";
import { streamsJars, streamsVersion } from "./jars.ts";

const source = new URL("SensorWindows.java", import.meta.url).pathname;

/** How a Java virtual machine is told to run it; its own arguments follow. */
export interface JavaProgram {
  readonly program: string;
  readonly args: readonly string[];
}

/** The most that its heap may grow to: twice what it needs. Without it, it takes what there is. */
const heap = ["-Xms1g", "-Xmx1g"];

function downloading(): DownloadProgress {
  const progress = showProgress();
  return {
    begin: (files, bytes) => progress.step(`Kafka Streams ${streamsVersion}: fetching ${files} files`, bytes),
    onBytes: progress.onBytes,
    end: progress.end,
  };
}

/** Throws a `Refusal` where something is missing. */
export async function preparePeer(): Promise<JavaProgram> {
  const environment = Deno.env.toObject();
  const java = javaProgram(environment);
  const compiler = `${java}c`;
  if (findProgram(compiler) === null) {
    throw new Refusal(
      `Cannot measure the peer: there is no ${compiler}, which compiles it. Install one ` +
        "(apt-get install openjdk-17-jdk-headless), or leave --peer out.",
    );
  }
  const folder = cacheFolder(environment, `kafka-streams-${streamsVersion}`);
  const kafka = await fetchKafka(environment, downloading());
  await fetchJars(streamsJars, folder, environment, downloading());
  const jars = [join(folder, "*"), join(kafka, "*")];
  const classes = await compile(compiler, folder, jars);
  return { program: java, args: [...heap, "-cp", [classes, ...jars].join(":"), "SensorWindows"] };
}

/** The folder of its classes, named for what they were compiled of. */
async function compile(compiler: string, folder: string, jars: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(await Deno.readFile(source)).digest("hex").slice(0, 12);
  const classes = join(folder, `classes-${hash}`);
  if (await Deno.stat(classes).then(() => true, () => false)) return classes;
  const partial = await Deno.makeTempDir({ dir: folder, prefix: "classes-" });
  try {
    await run(compiler, ["-cp", jars.join(":"), "-d", partial, source], preparationDeadlineMs);
    await Deno.rename(partial, classes);
    return classes;
  } catch (thrown) {
    await Deno.remove(partial, { recursive: true });
    throw thrown;
  }
}
