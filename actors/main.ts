/**
 * The composition root of a node, which `launch.ts` runs as a process of its own. It starts, in this order: checks that can refuse, the data folder,
 * the engine, the HTTP edge, the sources. A stop signal ends them the other way round.
 *
 * Exit codes: 0 stopped as asked, 2 refused (a sentence says what to change), 1 anything else.
 */

import { Registry } from "prom-client";
import project from "../deno.json" with { type: "json" };
import { errorMessage } from "../runtime/core/errors.ts";
import { MemoryHotState } from "../runtime/hot/memory_hot.ts";
import { LogError } from "../runtime/log/port.ts";
import type { Engine } from "../runtime/node/engine.ts";
import { type EngineOptions, startEngine } from "../runtime/node/node.ts";
import { linkToLauncher } from "../runtime/node/process_link.ts";
import { StoreError } from "../runtime/store/port.ts";
import { takeDataFolder } from "./cli/data_folder.ts";
import { describeDenoVersion } from "./cli/deno_version.ts";
import { helpText } from "./cli/help.ts";
import { type Fetch, listen, type Listener } from "./cli/listen.ts";
import { startLiveSummary } from "./cli/live_summary.ts";
import { createLogger, type Logger } from "./cli/logger.ts";
import { nearest } from "./cli/nearest.ts";
import { checkPorts, type PortSetting } from "./cli/ports.ts";
import { readSettings } from "./cli/read_settings.ts";
import { failureExitCode, Refusal, refusalExitCode } from "./cli/refusal.ts";
import { openScreen, renderTable, type TableRow } from "./cli/screen.ts";
import { untilStopSignal } from "./cli/stop_signal.ts";
import { type App, createApp } from "./http/app.ts";
import { listening, source } from "./services.ts";
import type { Settings } from "./settings.ts";
import { hostProbes } from "./sources/host_probes.ts";
import { runHostSource } from "./sources/host_source.ts";

/** How long requests under way may take at a stop, and then folding and checkpointing; the rest waits in the log. */
const drainMs = { requests: 5000, folding: 20_000 };

/** A node that is replaced is missed: what is not folded by then is folded by the next. */
const wornDrainMs = 2000;

const encoder = new TextEncoder();
const screen = openScreen(
  Deno.stdout.isTerminal(),
  (text) => void Deno.stdout.writeSync(encoder.encode(text)),
);

function complain(line: string): void {
  // On a terminal the line must not end up behind the status line.
  if (Deno.stdout.isTerminal() && Deno.stderr.isTerminal()) screen.write(`${line}\n`);
  else Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

function refuse(sentence: string): never {
  complain(sentence);
  Deno.exit(refusalExitCode);
}

/** Ends the process at once, for what nobody expected. */
function fail(error: unknown, isStackWanted: boolean): never {
  const stack = isStackWanted && error instanceof Error ? `\n${error.stack}` : "";
  complain(`Sensorium failed: ${errorMessage(error)}${stack}`);
  Deno.exit(failureExitCode);
}

/** Which actors the node holds, and the heap of a thread that folds them. */
export type Actors = Pick<EngineOptions, "definitionsUrl" | "hostHeapMiB">;

async function openEngine(
  settings: Settings,
  actors: Actors,
  dataDir: string,
  log: Logger,
  onWorn: (sentence: string) => void,
): Promise<Engine> {
  // The main thread, which serves HTTP, keeps a core to itself.
  const threads = settings.threads ?? Math.max(1, navigator.hardwareConcurrency - 1);
  try {
    return await startEngine({
      ...actors,
      dataDir,
      shards: settings.shards,
      threads,
      retentionMs: settings.retention,
      limits: { checkpointIntervalMs: settings.checkpointMs },
      report: log.warn,
      onFatal: (error) => fail(error, settings.logLevel === "debug"),
      onWorn,
    });
  } catch (error) {
    // Files that are damaged, not ours, in use or made with other settings, and full disks, are for the user to mend.
    const isOfFiles = error instanceof LogError || error instanceof StoreError;
    throw isOfFiles ? new Refusal(error.message, { cause: error }) : error;
  }
}

function openApp(settings: Settings, engine: Engine, log: Logger): App {
  return createApp({
    engine,
    hot: new MemoryHotState(),
    token: settings.token ?? null,
    registry: new Registry(),
    version: project.version,
    log: (sentence, thrown) => {
      log.error(sentence);
      if (thrown instanceof Error) log.debug(thrown.stack ?? thrown.message);
    },
    limits: {
      maxBodyBytes: settings.bodyLimit,
      maxRatePerId: settings.maxRatePerId,
      maxRatePerClient: settings.maxRatePerClient,
    },
    ...settings.trustedProxies === undefined ? {} : { trustedProxies: settings.trustedProxies },
  });
}

function startTable(
  settings: Settings,
  dataDir: string,
  denoVersion: string,
  { url }: Listener,
  admin: Listener,
): readonly TableRow[] {
  const access: readonly TableRow[] = settings.token === undefined ? [] : [["access", "with the token"]];
  return [
    ["page", `${url}/`],
    ["API", `${url}/openapi.json`],
    ["docs", `${url}/docs`],
    ["metrics", `${admin.url}/metrics`],
    ...access,
    ["data folder", dataDir],
    ["Deno", denoVersion],
  ];
}

interface Life {
  /** Resolves when a signal, or the launcher, asks for a stop. */
  readonly stopSignal: Promise<void>;
  /** Tells the launcher that the node takes readings. */
  ready(): void;
}

function beginLife(): Life {
  const { promise, resolve } = Promise.withResolvers<void>();
  const ready = linkToLauncher({ onStop: resolve, onOrphaned: () => Deno.exit(failureExitCode) });
  return { stopSignal: Promise.race([untilStopSignal(), promise]), ready };
}

async function runNode(settings: Settings, actors: Actors, denoVersion: string): Promise<void> {
  const { host, adminPort } = settings;
  const port = { flag: "--port", port: settings.port };
  const admin = { flag: "--admin-port", port: adminPort };
  const log = createLogger(settings.logLevel, () => new Date(), complain);
  const { stopSignal, ready } = beginLife();

  await checkPorts(host, [port, admin]);
  const folder = await takeDataFolder(settings.data);
  const worn = Promise.withResolvers<"worn">();
  const engine = await openEngine(settings, actors, folder.path, log, (sentence) => {
    log.warn(`${sentence}: the node stops, and its launcher starts it again`);
    worn.resolve("worn");
  });
  const app = openApp(settings, engine, log);
  const listeners = [await listen(host, port, app.fetch), await listen(host, admin, app.adminFetch)] as const;
  screen.write(
    `one node, embedded\n${renderTable(startTable(settings, folder.path, denoVersion, ...listeners))}`,
  );

  ready();

  const [http, adminHttp] = listeners;
  const again = (setting: PortSetting, fetch: Fetch) => () => listen(host, setting, fetch);
  await engine.supervise(listening("http", http, again(port, app.fetch), drainMs.requests));
  await engine.supervise(listening("admin-http", adminHttp, again(admin, app.adminFetch), drainMs.requests));
  await engine.supervise(source("host-metrics", (signal) =>
    runHostSource({
      engine: app.moving.watch(engine),
      probes: settings.hostMetrics ? hostProbes(folder.path) : [],
      signal,
      nowMs: Date.now,
      warn: log.warn,
      info: log.info,
    })));
  const stopSummary = startLiveSummary({
    screen,
    isTerminal: Deno.stdout.isTerminal(),
    progress: () => engine.status().totals,
    countActors: async () => (await engine.store.countActors()).reduce((sum, { count }) => sum + count, 0),
    onFailure: (error) => log.warn(`Cannot count the actors: ${errorMessage(error)}`),
  });

  const why = await Promise.race([stopSignal, worn.promise]);
  const isWorn = why === "worn";
  if (!isWorn) {
    screen.write("stopping: folding and checkpointing what was accepted (Ctrl-C again to stop at once)\n");
  }
  stopSummary();
  app.close();
  await engine.stop(isWorn ? wornDrainMs : drainMs.requests + drainMs.folding);
  folder.release();
  if (isWorn) Deno.exit(failureExitCode);
  screen.write("stopped\n");
}

async function main([command, ...args]: readonly string[], actors: Actors): Promise<void> {
  const isHelpWanted = [command, ...args].some((arg) => arg === "--help" || arg === "-h");
  if (command === undefined || command === "help" || isHelpWanted) return screen.write(helpText());
  if (command !== "cluster") {
    const near = nearest(command, ["cluster"]);
    const hint = near === null ? "Start a node with: deno task start cluster" : `Did you mean ${near}?`;
    throw new Refusal(`Cannot start: there is no command "${command}". ${hint}`);
  }
  const builtVersion = Deno.readTextFileSync(new URL("../.deno-version", import.meta.url)).trim();
  const denoVersion = describeDenoVersion(Deno.version.deno, builtVersion);
  const settings = readSettings({
    args,
    environment: Deno.env.toObject(),
    readText: (path) => Deno.readTextFileSync(path),
  });
  try {
    await runNode(settings, actors, denoVersion);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    fail(error, settings.logLevel === "debug");
  }
}

/** Runs the program until it has stopped, and ends this process. */
export async function runProgram(args: readonly string[], actors: Actors): Promise<never> {
  try {
    await main(args, actors);
  } catch (error) {
    if (error instanceof Refusal) refuse(error.message);
    fail(error, false);
  }
  // Idle connections may outlive a stop: nothing is left to wait for.
  Deno.exit(0);
}

if (import.meta.main) {
  await runProgram(Deno.args, { definitionsUrl: import.meta.resolve("./definitions.ts") });
}
