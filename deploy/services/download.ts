/**
 * Kafka's jars, and what else is fetched as jars, from Maven Central or a mirror of it.
 *
 * 1. A file has its name in the cache only when its hash was right: what is there needs no second look.
 * 2. The first that cannot be had ends the others, and nothing of any of them is left. What a killed process has left
 *    is removed by a later one.
 */

import { createHash, randomUUID } from "node:crypto";
import { basename, join } from "node:path";
import { Refusal } from "../../actors/cli/refusal.ts";
import { bodyChunks } from "../../runtime/body_chunks.ts";
import { fetchReason } from "../../runtime/fetch_reason.ts";
import { type Jar, kafkaJars, kafkaVersion } from "./kafka_jars.ts";
import { downloadTimeoutMs, parallelDownloads } from "./limits.ts";

type Environment = Readonly<Record<string, string>>;

/** Of what is not whole yet. */
const partialEnding = ".part";

const mavenCentral = "https://repo1.maven.org/maven2";

/** Where jars come from, without a slash at its end. Throws a `Refusal`. */
export function repositoryUrl(environment: Environment): string {
  const text = environment["MAVEN_REPOSITORY_URL"] || mavenCentral;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, "");
  throw new Refusal(
    `Cannot fetch Kafka: MAVEN_REPOSITORY_URL is not a URL. Set it to a Maven repository, such as ${mavenCentral}.`,
  );
}

/** Where Kafka's jars are, or those of another `name`. Throws a `Refusal`. */
export function cacheFolder(environment: Environment, name = `kafka-${kafkaVersion}`): string {
  const { XDG_CACHE_HOME: cache, HOME: home } = environment;
  const base = cache || (home ? join(home, ".cache") : null);
  if (base !== null) return join(base, "sensorium", name);
  throw new Refusal(
    "Cannot fetch Kafka: neither HOME nor XDG_CACHE_HOME is set. Set one, to keep the jars there.",
  );
}

export interface DownloadProgress {
  begin(files: number, bytes: number): void;
  onBytes(bytes: number): void;
  end(): void;
}

/** The folder with all of Kafka's jars; fetches those that are missing. */
export async function fetchKafka(environment: Environment, progress: DownloadProgress): Promise<string> {
  const folder = cacheFolder(environment);
  await fetchJars(kafkaJars, folder, environment, progress);
  return folder;
}

/** Fetches those that are missing in the folder. */
export async function fetchJars(
  jars: readonly Jar[],
  folder: string,
  environment: Environment,
  progress: DownloadProgress,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await removeAbandoned(folder);
  const present = new Set(Array.from(Deno.readDirSync(folder), ({ name }) => name));
  const missing = jars.filter(({ path }) => !present.has(basename(path)));
  if (missing.length === 0) return;
  const repository = repositoryUrl(environment);
  progress.begin(missing.length, missing.reduce((sum, { bytes }) => sum + bytes, 0));
  try {
    await fetchAll(missing, (jar, signal) => fetchJar(repository, folder, jar, progress, signal));
  } finally {
    progress.end();
  }
}

/** What nobody can be fetching any longer: another process may be at work on the same files. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const { name } of [...Deno.readDirSync(folder)]) {
    if (!name.endsWith(partialEnding)) continue;
    const path = join(folder, name);
    const { mtime } = await Deno.stat(path).catch(() => ({ mtime: null }));
    if (mtime === null || Date.now() - mtime.getTime() < 2 * downloadTimeoutMs) continue;
    await Deno.remove(path).catch(() => {});
  }
}

async function fetchAll(jars: readonly Jar[], fetchOne: (jar: Jar, signal: AbortSignal) => Promise<void>) {
  const rest = jars.values();
  const ending = new AbortController();
  const work = async () => {
    try {
      for (const jar of rest) await fetchOne(jar, ending.signal);
    } catch (thrown) {
      // The first reason is the one that `signal.reason` keeps.
      ending.abort(thrown);
    }
  };
  await Promise.all(Array.from({ length: parallelDownloads }, work));
  ending.signal.throwIfAborted();
}

async function fetchJar(
  repository: string,
  folder: string,
  jar: Jar,
  progress: DownloadProgress,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const url = new URL(`${repository}/${jar.path}`);
  // Another process may fetch the same file at the same time.
  const partial = join(folder, `${basename(jar.path)}.${randomUUID()}${partialEnding}`);
  try {
    const sha256 = await fetchFile(url, partial, progress, signal);
    if (sha256 !== jar.sha256) {
      throw new Refusal(
        `Cannot use ${
          shown(url)
        }: it is not the file that was expected (SHA-256 ${sha256}, and ${jar.sha256} was ` +
          "wanted). Is MAVEN_REPOSITORY_URL a true mirror, and no proxy in between?",
      );
    }
    await Deno.rename(partial, join(folder, basename(jar.path)));
  } finally {
    await Deno.remove(partial).catch(() => {});
  }
}

/** Resolves with the file's SHA-256. */
async function fetchFile(
  url: URL,
  file: string,
  progress: DownloadProgress,
  ending: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(downloadTimeoutMs), ending]);
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new Error(`the answer was ${response.status} ${response.statusText}`);
    }
    const counted = ReadableStream.from(bodyChunks(response.body, signal)).pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(bytes, controller) {
          hash.update(bytes);
          progress.onBytes(bytes.length);
          controller.enqueue(bytes);
        },
      }),
    );
    await Deno.writeFile(file, counted);
  } catch (cause) {
    const sentence =
      `Cannot fetch ${shown(url)}: ${fetchReason(cause)}. Kafka's jars come from Maven Central; set ` +
      "MAVEN_REPOSITORY_URL to a mirror that this machine reaches, or HTTPS_PROXY.";
    throw new Refusal(sentence, { cause });
  }
  return hash.digest("hex");
}

/** Without the password that it may carry. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
