/**
 * `up`, `down` and `status` of the servers on one data folder.
 *
 * 1. A process is written down as soon as it is there: what an interrupted `up` has started, `down` still stops.
 * 2. `up` and `down` work on a folder one at a time.
 */

import { join, resolve } from "node:path";
import { Refusal } from "../../actors/cli/refusal.ts";
import { showProgress } from "../../actors/operations/progress.ts";
import { sizeText } from "../../actors/operations/size_text.ts";
import { type DownloadProgress, fetchKafka } from "./download.ts";
import { kafkaServer, prepareKafka } from "./kafka.ts";
import { kafkaVersion } from "./kafka_jars.ts";
import { defaultPorts } from "./limits.ts";
import { mariadbServer, prepareMariadb } from "./mariadb.ts";
import { needPackages } from "./packages.ts";
import { findProcess, plainPath, type ProcessId } from "./processes.ts";
import { portFlag, type ServicesCommand } from "./read_command.ts";
import { prepareRedis, redisServer } from "./redis.ts";
import type { Server } from "./server.ts";
import {
  type Entry,
  type Kind,
  kinds,
  readState,
  removeState,
  serverNames,
  type State,
  writeState,
} from "./state.ts";
import { type Addresses, elapsedText, statusText } from "./texts.ts";

export type Say = (line: string) => void;

/** The first is that of a node, the second that of tests. */
const databases = ["sensorium", "sensorium_test"] as const;

interface Ports {
  readonly port: number;
  /** Of Kafka alone. */
  readonly controllerPort?: number | undefined;
}

const optionsOf = (folder: string, kind: Kind, { port, controllerPort = 0 }: Ports) => ({
  folder: join(folder, kind),
  port,
  controllerPort,
  databases,
});

function serverOf(folder: string, kind: Kind, entry: Entry): Server {
  const options = optionsOf(folder, kind, entry);
  switch (kind) {
    case "kafka":
      return kafkaServer(options, entry);
    case "mariadb":
      return mariadbServer(options, entry);
    case "redis":
      return redisServer(options, entry);
  }
}

function prepare(folder: string, kind: Kind, ports: Ports): Promise<Server> {
  const options = optionsOf(folder, kind, ports);
  switch (kind) {
    case "kafka":
      return prepareKafka(options);
    case "mariadb":
      return prepareMariadb(options);
    case "redis":
      return prepareRedis(options);
  }
}

/** Those of the state's servers whose process is there. */
async function running(state: State): Promise<ReadonlyMap<Kind, Entry>> {
  const found = new Map<Kind, Entry>();
  for (const kind of kinds) {
    const entry = state[kind];
    if (entry !== undefined && await findProcess(entry) !== null) found.set(kind, entry);
  }
  return found;
}

/** Resolves with where the folder's servers are, of those that run. */
export async function up(command: ServicesCommand, say: Say): Promise<Addresses> {
  const folder = plainPath(resolve(command.folder));
  using _lock = await takeFolder(folder);
  const state = readState(folder) ?? {};
  const there = await running(state);
  for (const [kind, entry] of there) refuseOtherPort(command, kind, entry);
  const missing = command.only.filter((kind) => !there.has(kind));
  for (const kind of missing) tellStale(kind, state, say);
  await needPackages(missing, command.install, say);
  const ports = new Map(missing.map((kind) => [kind, choosePorts(kind, command.ports[kind])]));
  if (missing.includes("kafka")) await fetchKafka(Deno.env.toObject(), downloadProgress(say));

  const entries: Partial<Record<Kind, Entry>> = Object.fromEntries(there);
  const record = (kind: Kind, entry: Entry | undefined) => {
    if (entry === undefined) delete entries[kind];
    else entries[kind] = entry;
    writeState(folder, entries);
  };
  const starts = Array.from(ports, ([kind, chosen]) => startOne(folder, kind, chosen, record, say));
  const waits = command.only.filter((kind) => there.has(kind)).map((kind) =>
    tellRunning(folder, kind, there, say)
  );
  const outcomes = await Promise.allSettled([...starts, ...waits]);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return addressesOf(folder, entries);
}

async function startOne(
  folder: string,
  kind: Kind,
  ports: Ports,
  record: (kind: Kind, entry: Entry | undefined) => void,
  say: Say,
): Promise<void> {
  const startMs = performance.now();
  const server = await prepare(folder, kind, ports);
  say(`${server.name}: starting ...`);
  try {
    await server.start(({ pid, startTicks }: ProcessId) =>
      record(kind, { pid, startTicks, startedAt: new Date().toISOString(), ...ports })
    );
  } catch (thrown) {
    record(kind, undefined);
    throw thrown;
  }
  say(
    `${server.name}: answers on 127.0.0.1:${ports.port}, after ${elapsedText(performance.now() - startMs)}.`,
  );
}

async function tellRunning(
  folder: string,
  kind: Kind,
  there: ReadonlyMap<Kind, Entry>,
  say: Say,
): Promise<void> {
  const entry = there.get(kind);
  if (entry === undefined) return;
  const server = serverOf(folder, kind, entry);
  await server.untilItAnswers();
  say(`${server.name}: runs already, on 127.0.0.1:${entry.port}.`);
}

function tellStale(kind: Kind, state: State, say: Say): void {
  const entry = state[kind];
  if (entry === undefined) return;
  say(
    `${kind}: process ${entry.pid}, started ${entry.startedAt}, has ended without "services down": starting it again.`,
  );
}

function refuseOtherPort({ ports }: ServicesCommand, kind: Kind, { port }: Entry): void {
  const wanted = ports[kind];
  if (wanted === undefined || wanted === 0 || wanted === port) return;
  throw new Refusal(
    `Cannot start ${
      serverNames[kind]
    } on port ${wanted}: it runs on ${port} already. Stop it first (deno task services down ` +
      `--only ${kind}), or leave ${portFlag(kind)} out.`,
  );
}

function choosePorts(kind: Kind, flag: number | undefined): Ports {
  const port = bindable(kind, flag ?? defaultPorts[kind]);
  return kind === "kafka" ? { port, controllerPort: bindable(kind, 0) } : { port };
}

/** The port; for 0 one that is free. Throws a `Refusal`. */
function bindable(kind: Kind, port: number): number {
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port });
    return listener.addr.port;
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "another program holds it"
      : "this user may not listen there";
    throw new Refusal(
      `Cannot start ${serverNames[kind]} on port ${port}: ${why}. Give another port with ${
        portFlag(kind)
      } PORT (0: any that is ` +
        "free).",
      { cause },
    );
  }
}

function downloadProgress(say: Say): DownloadProgress {
  const progress = showProgress();
  return {
    begin(files, bytes) {
      const what = `Kafka ${kafkaVersion}: fetching ${files} files`;
      say(`${what}, ${sizeText(bytes)} ...`);
      progress.step(what, bytes);
    },
    onBytes: progress.onBytes,
    end: progress.end,
  };
}

function addressesOf(folder: string, entries: State): Addresses {
  const address = (kind: Kind) => {
    const entry = entries[kind];
    return entry === undefined ? null : serverOf(folder, kind, entry).address;
  };
  const [kafka, mariadb, redis] = [address("kafka"), address("mariadb"), address("redis")];
  const [database, testDatabase] = databases;
  const testMariadb = mariadb?.replace(new RegExp(`/${database}$`), `/${testDatabase}`) ?? null;
  return { kafka, mariadb, testMariadb, redis };
}

/** Held until it is disposed of, or this process ends. Throws a `Refusal`. */
async function takeFolder(folder: string): Promise<Disposable> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(folder, { recursive: true });
    file = await Deno.open(join(folder, "lock"), { write: true, create: true });
  } catch (cause) {
    throw new Refusal(
      `Cannot keep servers' data in ${folder}: this user may not write there, or it is a file. Give another folder ` +
        "with --data DIR.",
      { cause },
    );
  }
  if (await file.tryLock(true)) return file;
  file.close();
  throw new Refusal(
    `Cannot work on ${folder}: another "deno task services" is at work there. Wait for its end.`,
  );
}

/** Stops them, one after the other, Kafka first; removes their data where that is asked for. */
export async function down(command: ServicesCommand, say: Say): Promise<void> {
  const folder = resolve(command.folder);
  if (readState(folder) === null) return say(`No server was ever started in ${folder}: nothing to stop.`);
  using _lock = await takeFolder(folder);
  const state = readState(folder) ?? {};
  const there = await running(state);
  const left: Partial<Record<Kind, Entry>> = { ...state };
  for (const kind of command.only) {
    const entry = there.get(kind);
    if (entry !== undefined) await stopOne(serverOf(folder, kind, entry), say);
    else say(`${serverNames[kind]}: does not run.`);
    delete left[kind];
    writeState(folder, left);
    if (command.delete) await Deno.remove(join(folder, kind), { recursive: true }).catch(unlessMissing);
  }
  if (!command.delete) return;
  say(`Removed the data of ${command.only.map((kind) => serverNames[kind]).join(", ")} in ${folder}.`);
  if (kinds.every((kind) => command.only.includes(kind))) await removeFolder(folder);
}

async function stopOne(server: Server, say: Say): Promise<void> {
  const startMs = performance.now();
  const isInTime = await server.stop();
  const after = elapsedText(performance.now() - startMs);
  say(
    isInTime
      ? `${server.name}: stopped, after ${after}.`
      : `${server.name}: did not stop in ${after}, killed.`,
  );
}

function unlessMissing(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}

/** Of ours only what is ours: a folder with other files stays. */
async function removeFolder(folder: string): Promise<void> {
  removeState(folder);
  await Deno.remove(join(folder, "lock"));
  const isEmpty = Deno.readDirSync(folder).next().done === true;
  if (isEmpty) await Deno.remove(folder);
}

export interface Status {
  readonly text: string;
  /** Whether all that was asked for runs and answers. */
  readonly isServing: boolean;
}

export async function status(command: ServicesCommand, nowMs: number): Promise<Status> {
  const folder = resolve(command.folder);
  const state = readState(folder) ?? {};
  const rows = await Promise.all(command.only.map(async (kind) => {
    const entry = state[kind];
    const found = entry === undefined ? null : await findProcess(entry);
    if (entry === undefined || found === null) return { kind, entry: null };
    const isAnswering = await serverOf(folder, kind, entry).isAnswering();
    return { kind, entry, isAnswering, residentBytes: found.residentBytes };
  }));
  return {
    text: statusText(folder, rows, nowMs),
    isServing: rows.every((row) => row.entry !== null && row.isAnswering),
  };
}
