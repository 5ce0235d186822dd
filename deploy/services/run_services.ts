/**
 * `up`, `down` and `status` of the servers on one data folder.
 *
 * 1. A process is written down as soon as it is there: what an interrupted `up` has started, `down` still stops.
 * 2. `up` and `down` work on a folder one at a time.
 */

import { join, resolve } from "node:path";
import { Refusal } from "../../actors/cli/refusal.ts";
import { showProgress } from "../../actors/operations/progress.ts";
import { sizeText } from "../../actors/cli/size_text.ts";
import { type DownloadProgress, fetchKafka } from "./download.ts";
import { freePort } from "./free_port.ts";
import { clusterOf, isFormatted, type KafkaCluster, kafkaServer, prepareKafka } from "./kafka.ts";
import { kafkaVersion } from "./kafka_jars.ts";
import { defaultPorts } from "./limits.ts";
import { mariadbServer, prepareMariadb } from "./mariadb.ts";
import { needPackages } from "./packages.ts";
import { findProcess, plainPath, type ProcessId } from "./processes.ts";
import { portFlag, type ServicesCommand } from "./read_command.ts";
import { prepareRedis, redisServer } from "./redis.ts";
import type { Server } from "./server.ts";
import {
  brokerPlaces,
  type Entry,
  kindOf,
  kinds,
  type Place,
  places,
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

/** Of a broker, from 1 on. */
const numberOf = (place: Place) => brokerPlaces.findIndex((each) => each === place) + 1;

const optionsOf = (folder: string, place: Place, { port, controllerPort = 0 }: Ports) => ({
  folder: join(folder, place),
  number: numberOf(place),
  port,
  controllerPort,
  databases,
});

function serverOf(folder: string, place: Place, entry: Entry): Server {
  const options = optionsOf(folder, place, entry);
  switch (kindOf(place)) {
    case "kafka":
      return kafkaServer(options, entry);
    case "mariadb":
      return mariadbServer(options, entry);
    case "redis":
      return redisServer(options, entry);
  }
}

function prepare(
  folder: string,
  place: Place,
  ports: Ports,
  cluster: KafkaCluster | undefined,
): Promise<Server> {
  const options = optionsOf(folder, place, ports);
  switch (kindOf(place)) {
    case "kafka":
      return prepareKafka({ ...options, cluster });
    case "mariadb":
      return prepareMariadb(options);
    case "redis":
      return prepareRedis(options);
  }
}

/** Those of the state's servers whose process is there. */
async function running(state: State): Promise<ReadonlyMap<Place, Entry>> {
  const found = new Map<Place, Entry>();
  for (const place of places) {
    const entry = state[place];
    if (entry !== undefined && await findProcess(entry) !== null) found.set(place, entry);
  }
  return found;
}

/** How many brokers have their data there. */
async function brokersIn(folder: string): Promise<number> {
  const are = await Promise.all(brokerPlaces.map((place) => isFormatted(join(folder, place))));
  return are.lastIndexOf(true) + 1;
}

/** Throws a `Refusal` when there are others already. */
async function wantedBrokers(folder: string, { brokers }: ServicesCommand): Promise<number> {
  const found = await brokersIn(folder);
  if (found === 0 || found === brokers) return brokers ?? 1;
  if (brokers === null) return found;
  throw new Refusal(
    `Cannot start Kafka brokers as ${brokers}: ${folder} has the data of ${found}. Leave --brokers out, remove them ` +
      "(deno task services down --only kafka --delete), or name another folder with --data DIR.",
  );
}

/** The places of what the command is about, with so many brokers. */
function placesOf({ only }: ServicesCommand, brokers: number): readonly Place[] {
  return places.filter((place) => only.includes(kindOf(place)) && numberOf(place) <= brokers);
}

/** Resolves with where the folder's servers are, of those that run. */
export async function up(command: ServicesCommand, say: Say): Promise<Addresses> {
  const folder = plainPath(resolve(command.folder));
  using _lock = await takeFolder(folder);
  const state = readState(folder) ?? {};
  const there = await running(state);
  for (const [place, entry] of there) refuseOtherPort(command, place, entry);
  const wanted = placesOf(command, await wantedBrokers(folder, command));
  const missing = wanted.filter((place) => !there.has(place));
  for (const place of missing) tellStale(place, state, say);
  await needPackages([...new Set(missing.map(kindOf))], command.install, say);
  const hasBroker = brokerPlaces.some((place) => there.has(place));
  const ports = new Map(missing.map((place) => {
    // The other brokers know this one by its ports.
    const known = hasBroker && kindOf(place) === "kafka" ? state[place] : undefined;
    return [place, known ?? choosePorts(command, place)];
  }));
  if (missing.some((place) => kindOf(place) === "kafka")) {
    await fetchKafka(Deno.env.toObject(), downloadProgress(say));
  }
  const brokers = brokerPlaces.filter((place) => wanted.includes(place));
  const cluster = await clusterOf(brokers.map((place) => {
    return optionsOf(folder, place, (there.get(place) ?? ports.get(place))!);
  }));

  const entries: Partial<Record<Place, Entry>> = Object.fromEntries(there);
  const record = (place: Place, entry: Entry | undefined) => {
    if (entry === undefined) delete entries[place];
    else entries[place] = entry;
    writeState(folder, entries);
  };
  const starts = Array.from(ports, ([place, { port, controllerPort }]) => {
    return startOne({ folder, place, ports: { port, controllerPort }, cluster, record, say });
  });
  const waits = wanted.filter((place) => there.has(place)).map((place) =>
    tellRunning(folder, place, there, say)
  );
  const outcomes = await Promise.allSettled([...starts, ...waits]);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return addressesOf(folder, entries);
}

interface Start {
  readonly folder: string;
  readonly place: Place;
  readonly ports: Ports;
  readonly cluster: KafkaCluster | undefined;
  readonly record: (place: Place, entry: Entry | undefined) => void;
  readonly say: Say;
}

async function startOne({ folder, place, ports, cluster, record, say }: Start): Promise<void> {
  const startMs = performance.now();
  const server = await prepare(folder, place, ports, cluster);
  say(`${server.name}: starting ...`);
  try {
    await server.start(({ pid, startTicks }: ProcessId) =>
      record(place, { pid, startTicks, startedAt: new Date().toISOString(), ...ports })
    );
  } catch (thrown) {
    record(place, undefined);
    throw thrown;
  }
  say(
    `${server.name}: answers on 127.0.0.1:${ports.port}, after ${elapsedText(performance.now() - startMs)}.`,
  );
}

async function tellRunning(
  folder: string,
  place: Place,
  there: ReadonlyMap<Place, Entry>,
  say: Say,
): Promise<void> {
  const entry = there.get(place);
  if (entry === undefined) return;
  const server = serverOf(folder, place, entry);
  await server.untilItAnswers();
  say(`${server.name}: runs already, on 127.0.0.1:${entry.port}.`);
}

function tellStale(place: Place, state: State, say: Say): void {
  const entry = state[place];
  if (entry === undefined) return;
  say(
    `${
      serverNames[place]
    }: process ${entry.pid}, started ${entry.startedAt}, has ended by itself: it is started again.`,
  );
}

/** What the flag says of it: brokers have ports in a row. */
function flaggedPort({ ports }: ServicesCommand, place: Place): number | undefined {
  const port = ports[kindOf(place)];
  return port === undefined || port === 0 ? port : port + Math.max(0, numberOf(place) - 1);
}

function refuseOtherPort(command: ServicesCommand, place: Place, { port }: Entry): void {
  const wanted = flaggedPort(command, place);
  if (wanted === undefined || wanted === 0 || wanted === port) return;
  throw new Refusal(
    `Cannot start ${
      serverNames[place]
    } on port ${wanted}: it runs on ${port} already. Stop it first (deno task services down ` +
      `--only ${kindOf(place)}), or leave ${portFlag(kindOf(place))} out.`,
  );
}

function choosePorts(command: ServicesCommand, place: Place): Ports {
  const usual = defaultPorts[kindOf(place)] + Math.max(0, numberOf(place) - 1);
  const asked = flaggedPort(command, place) ?? usual;
  const port = asked === 0 ? freePort() : bindable(place, asked);
  return kindOf(place) === "kafka" ? { port, controllerPort: freePort() } : { port };
}

/** The port. Throws a `Refusal`. */
function bindable(place: Place, port: number): number {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return port;
  } catch (cause) {
    const why = cause instanceof Deno.errors.AddrInUse
      ? "another program holds it"
      : "this user may not listen there";
    throw new Refusal(
      `Cannot start ${serverNames[place]} on port ${port}: ${why}. Give another port with ${
        portFlag(kindOf(place))
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
  const address = (place: Place) => {
    const entry = entries[place];
    return entry === undefined ? null : serverOf(folder, place, entry).address;
  };
  const brokers = brokerPlaces.map(address).filter((each) => each !== null);
  const kafka = brokers.length === 0 ? null : brokers.join();
  const [mariadb, redis] = [address("mariadb"), address("redis")];
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

/**
 * Stops them, Kafka first; removes their data where that is asked for. Brokers are stopped together: the last of them
 * would wait in vain for a majority to let it go.
 */
export async function down(command: ServicesCommand, say: Say): Promise<void> {
  const folder = resolve(command.folder);
  if (readState(folder) === null) return say(`No server was ever started in ${folder}: nothing to stop.`);
  using _lock = await takeFolder(folder);
  const state = readState(folder) ?? {};
  const there = await running(state);
  const left: Partial<Record<Place, Entry>> = { ...state };
  const end = async (place: Place) => {
    const entry = there.get(place);
    if (entry !== undefined) await stopOne(serverOf(folder, place, entry), say);
    else say(`${serverNames[place]}: does not run.`);
    delete left[place];
    writeState(folder, left);
    if (command.delete) await Deno.remove(join(folder, place), { recursive: true }).catch(unlessMissing);
  };
  const known = await knownPlaces(folder, command, state);
  await Promise.all(known.filter((place) => kindOf(place) === "kafka").map(end));
  for (const place of known) if (kindOf(place) !== "kafka") await end(place);
  if (!command.delete) return;
  say(`Removed the data of ${command.only.map((kind) => serverNames[kind]).join(", ")} in ${folder}.`);
  if (kinds.every((kind) => command.only.includes(kind))) await removeFolder(folder);
}

/** With every broker that was started or has data. */
async function knownPlaces(
  folder: string,
  command: ServicesCommand,
  state: State,
): Promise<readonly Place[]> {
  const started = brokerPlaces.findLastIndex((place) => state[place] !== undefined) + 1;
  return placesOf(command, Math.max(1, started, await brokersIn(folder)));
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
  const rows = await Promise.all((await knownPlaces(folder, command, state)).map(async (place) => {
    const entry = state[place];
    const found = entry === undefined ? null : await findProcess(entry);
    if (entry === undefined || found === null) return { place, entry: null };
    const isAnswering = await serverOf(folder, place, entry).isAnswering();
    return { place, entry, isAnswering, residentBytes: found.residentBytes };
  }));
  return {
    text: statusText(folder, rows, nowMs),
    isServing: rows.every((row) => row.entry !== null && row.isAnswering),
  };
}
