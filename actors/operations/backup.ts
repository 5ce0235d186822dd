/**
 * A backup of a running node.
 *
 *     the node holds its files ─▶ copy the store, then its write-ahead log ─▶ the log is sealed ─▶ copy its segments
 *     ─▶ the node goes on ─▶ copy its results ─▶ the copy is checked ─▶ `backup.json` ─▶ the folder gets its name
 *
 * 1. Everything that the node had accepted before is in it, and it is a store and a log that fit each other.
 * 2. The folder has its name only when all of it is on the disk and was read again; until then it is called
 *    `.partial`, and has no `backup.json`. One that fails is removed; one that is killed stays so.
 * 3. The node goes on without being asked when this process ends: it is not heard of any more.
 * 4. Results are those in the tables after all that: SQLite copies them as they are at one moment, whoever writes.
 */

import { dirname, join, relative, resolve } from "node:path";
import { errorMessage, invariant } from "../../runtime/core/errors.ts";
import { settleCopy } from "../../runtime/store/settle_copy.ts";
import { Refusal } from "../cli/refusal.ts";
import { copyTables, resultsFile } from "../results/copy_tables.ts";
import { copyFile, type Copying, hashFile, syncFolder } from "./copy.ts";
import { type BackupFile, type Manifest, manifestName, newManifest, partialSuffix } from "./manifest.ts";
import { BackupLost, NodeLink } from "./node_link.ts";
import type { Progress } from "./progress.ts";
import { logName, lookIntoOwn, storeName, surveyFolder } from "./survey.ts";

export interface BackupOptions {
  /** The node's data folder. */
  readonly folder: string;
  /** The backup's folder, which does not exist. */
  readonly target: string;
  readonly token: string | null;
  /** Version of this program. */
  readonly program: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Throws a `Refusal` for what the user can mend. */
export async function backup(options: BackupOptions): Promise<Manifest> {
  const target = resolve(options.target);
  checkTarget(target, resolve(options.folder));
  const node = NodeLink.find(resolve(options.folder), options.token);
  const began = new Date().toISOString();
  const begun = await node.begin();
  const partial = `${target}${partialSuffix}`;
  const held = new Held(node, begun, options.signal);
  try {
    makePartial(partial);
  } catch (thrown) {
    await held.abandon();
    throw thrown;
  }
  try {
    const copying = { signal: held.signal, onBytes: options.progress.onBytes };
    await held.orLost(() => copyHeld(options, partial, held, copying));
    const results = await copyResults(options, partial);
    const manifest = await check(partial, options, { began, store: begun.store, results }, copying);
    await writeManifest(partial, manifest);
    await Deno.rename(partial, target);
    await syncFolder(join(target, ".."));
    return manifest;
  } catch (thrown) {
    await held.abandon();
    await Deno.remove(partial, { recursive: true });
    throw thrown;
  }
}

/** What the node holds for us: renewed until it is given back, with a signal that tells when it is lost. */
class Held {
  readonly #node: NodeLink;
  readonly #id: string;
  readonly #lost = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #isOver = false;
  readonly signal: AbortSignal;

  constructor(node: NodeLink, begun: { readonly id: string; readonly leaseMs: number }, stop: AbortSignal) {
    this.#node = node;
    this.#id = begun.id;
    this.signal = AbortSignal.any([stop, this.#lost.signal]);
    // Three may fail to arrive in time.
    this.#timer = setInterval(() => this.#renew(), begun.leaseMs / 4);
  }

  async #renew(): Promise<void> {
    try {
      await this.#node.renew(this.#id);
    } catch (thrown) {
      if (!this.#isOver) this.#lost.abort(thrown);
    }
  }

  seal(): Promise<readonly string[]> {
    return this.#node.seal(this.#id);
  }

  async end(): Promise<void> {
    this.#over();
    await this.#node.end(this.#id);
  }

  /** A node that does not hear of it waits for its lease to end. */
  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#over();
    await this.#node.abandon(this.#id).catch(() => {});
  }

  /** What fails because the hold is lost fails as that. */
  async orLost<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (this.#lost.signal.aborted) throw this.#lost.signal.reason;
      throw thrown;
    }
  }

  #over(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }
}

async function copyHeld(
  { folder, progress }: BackupOptions,
  partial: string,
  held: Held,
  copying: Copying,
): Promise<void> {
  const store = join(folder, storeName);
  const copy = join(partial, storeName);
  progress.step("store", Deno.statSync(store).size);
  await copyFile(store, copy, copying);
  progress.step("store's log", Deno.statSync(`${store}-wal`).size);
  await copyFile(`${store}-wal`, `${copy}-wal`, copying);
  const segments = await held.seal();
  const paths = segments.map((name) => join(folder, logName, name));
  progress.step("log", paths.map((path) => Deno.statSync(path).size).reduce((sum, size) => sum + size, 0));
  for (const [at, path] of paths.entries()) {
    await copyFile(path, join(partial, logName, segments[at] ?? ""), copying);
  }
  await held.end();
}

/** Their file's path; none: the folder has no results. */
async function copyResults(
  { folder, progress, signal }: BackupOptions,
  partial: string,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  progress.step("results", null);
  const target = join(partial, resultsFile);
  Deno.mkdirSync(dirname(target));
  return await copyTables(folder, target) ? [resultsFile] : [];
}

interface Copies {
  readonly began: string;
  /** Identity of the store that the node told. */
  readonly store: string;
  readonly results: readonly string[];
}

/** Reads the copy as a node would, and tells what is in it. */
async function check(
  partial: string,
  { program, progress }: BackupOptions,
  { began, store, results }: Copies,
  copying: Copying,
): Promise<Manifest> {
  progress.step("checking", null);
  settleCopy(join(partial, storeName));
  const survey = surveyFolder(partial, lookIntoOwn);
  const { meta, version } = survey.store;
  if (meta !== null && meta.identity !== store) {
    throw new Error("the folder's files are not those of the node whose address is written in it.");
  }
  if (survey.troubles.length > 0) throw new Error(`the copy is not whole: ${survey.troubles.join(" ")}`);
  invariant(meta !== null && version !== null && survey.log.log !== null, "What is whole was read");
  removeJournals(join(partial, logName));
  const names = [storeName, ...survey.log.segments.map(({ name }) => `${logName}/${name}`), ...results];
  const files: BackupFile[] = [];
  for (const path of names) files.push({ path, ...await hashFile(join(partial, path), copying) });
  return newManifest({
    program,
    began,
    finished: new Date().toISOString(),
    shards: meta.shards,
    storeVersion: version,
    store: meta.identity,
    log: survey.log.log.identity,
    files,
  });
}

/** What SQLite may have left when the segments were read. */
function removeJournals(folder: string): void {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith("-journal")) Deno.removeSync(join(folder, name));
  }
}

async function writeManifest(partial: string, manifest: Manifest): Promise<void> {
  await syncFolder(join(partial, logName));
  using file = await Deno.open(join(partial, manifestName), { write: true, createNew: true });
  const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  for (let at = 0; at < text.length;) at += await file.write(text.subarray(at));
  await file.sync();
  await syncFolder(partial);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function checkTarget(target: string, folder: string): void {
  if (target === folder || !relative(folder, target).startsWith("..")) {
    throw new Refusal(
      `Cannot back up into ${target}: it lies in the data folder. Name a folder outside of it.`,
    );
  }
  if (exists(target)) {
    throw new Refusal(`Cannot back up into ${target}: it is there already. Name a folder that is not.`);
  }
  const partial = `${target}${partialSuffix}`;
  if (exists(partial)) {
    throw new Refusal(
      `Cannot back up into ${target}: ${partial} is left of a backup that was interrupted, or is being made. Remove ` +
        "it, or name another folder.",
    );
  }
}

function makePartial(partial: string): void {
  try {
    // As private as the data are.
    Deno.mkdirSync(join(partial, ".."), { recursive: true });
    Deno.mkdirSync(partial, { mode: 0o700 });
    Deno.mkdirSync(join(partial, logName));
  } catch (cause) {
    throw new Refusal(
      `Cannot back up into ${partial}: ${errorMessage(cause)}. Name a folder that this user may make.`,
      { cause },
    );
  }
}

/** As a sentence for a person. */
export function failureSentence(thrown: unknown, isInterrupted: boolean): string {
  if (isInterrupted) return "The backup was interrupted; nothing of it is left.";
  if (thrown instanceof BackupLost) return `The backup failed, nothing of it is left: ${thrown.message}`;
  return `The backup failed, nothing of it is left: ${errorMessage(thrown)}`;
}
