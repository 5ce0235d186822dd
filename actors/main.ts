/**
 * The composition root of a node, which `launch.ts` runs as a process of its own. It starts, in this order: checks that can refuse, the data folder,
 * the engine, the HTTP edge, the sources. A stop signal ends them the other way round.
 *
 * Exit codes: 0 stopped as asked, 2 refused (a sentence says what to change), 1 anything else.
 */

import project from "../deno.json" with { type: "json" };
import { errorMessage } from "../runtime/core/errors.ts";
import type { RedisSettings } from "../runtime/hot/redis/settings.ts";
import { LogError } from "../runtime/log/port.ts";
import type { Engine } from "../runtime/node/engine.ts";
import type { HotPublishing } from "../runtime/node/hot_publishing.ts";
import { type EmbeddedEngine, type EngineOptions, startEngine } from "../runtime/node/node.ts";
import { machineClock } from "../runtime/node/clock.ts";
import type { Report } from "../runtime/node/notice.ts";
import { Repeats } from "../runtime/node/repeats.ts";
import { type LauncherLink, linkToLauncher } from "../runtime/node/process_link.ts";
import { Registry } from "../runtime/prom_client.ts";
import { StoreError } from "../runtime/store/port.ts";
import { RememberedPartitions } from "../runtime/topics/remembered_partitions.ts";
import { TopicMetrics } from "../runtime/topics/topic_metrics.ts";
import { TimeLogs } from "./analysis/time_logs.ts";
import { ActorCount } from "./cli/actor_count.ts";
import { memberUrl } from "./cli/check_nodes.ts";
import { type Command, readCommand } from "./cli/command.ts";
import { folderOf, type Life, nodeId, ownLife, takeLife } from "./cli/life.ts";
import { type Fetch, listen } from "./cli/listen.ts";
import { startLiveSummary } from "./cli/live_summary.ts";
import { askedFormat, lastWord } from "./cli/last_word.ts";
import { type ComponentLog, createLogger, logOf } from "./cli/logger.ts";
import { type Place, placeFields, placeText, takePlace } from "./cli/place.ts";
import { checkPorts, type PortSetting } from "./cli/ports.ts";
import { type ConfigFile, readConfig } from "./config/config_file.ts";
import { redactor } from "./cli/redact.ts";
import { failureExitCode, Refusal, refusalExitCode } from "./cli/refusal.ts";
import { startText, stoppedText, stoppingText } from "./cli/start_table.ts";
import { untilStopSignal } from "./cli/stop_signal.ts";
import { startTellingProgress } from "./cli/tell_progress.ts";
import { openTerminal, print } from "./cli/terminal.ts";
import { actorServices } from "./actor_services.ts";
import { ForecastMetrics } from "./analysis/forecast_metrics.ts";
import type { App } from "./http/app.ts";
import { Edge } from "./http/edge.ts";
import { listening, source } from "./services.ts";
import type { Settings } from "./settings.ts";
import { NodeResults } from "./results/node_results.ts";
import { hostProbes } from "./sources/host_probes.ts";
import { runHostSource } from "./sources/host_source.ts";
import { refusalReasons } from "./sources/records.ts";
import { remoteWriteName } from "./sources/prometheus/source_spec.ts";
import { runFollowing } from "./sources/remote_write/following.ts";
import type { RemoteWriteReceiver } from "./sources/remote_write/receiver.ts";
import { keyedTopicReaders, panelTopics, type TopicSettings } from "./sources/topics.ts";

/** How long requests under way may take at a stop, and then folding and checkpointing; the rest waits in the log. */
const drainMs = { requests: 5000, folding: 20_000 };

/** How soon after a window's end what was counted in it is told. */
const repeatsCheckMs = 1000;

/** A node that is replaced is missed: what is not folded by then is folded by the next. */
const wornDrainMs = 2000;

/** Deno's own OpenTelemetry is switched on: https://docs.deno.com/runtime/fundamentals/open_telemetry/ */
const isTraced = Deno.env.get("OTEL_DENO") === "true";

const format = askedFormat(Deno.args, Deno.env.toObject());

/** Null: nobody has launched this process. */
const launched = takeLife();
const isOneOfSeveral = launched !== null && launched.nodes > 1;

/** Knows of secrets once the settings are read. */
let clean = redactor([]);

/** The launcher shows how several nodes go together. */
const { screen, put } = openTerminal(format, !isOneOfSeveral);

function refuse(message: string): never {
  lastWord({ component: "node", event: "refused", message }, format, clean, put);
  Deno.exit(refusalExitCode);
}

/** Ends the process at once, for what nobody expected. */
function fail(error: unknown, isStackWanted: boolean): never {
  const stack = isStackWanted && error instanceof Error ? error.stack : undefined;
  const message = `Sensorium failed: ${errorMessage(error)}`;
  const fields = stack === undefined ? {} : { stack };
  lastWord({ component: "node", event: "failed", message, fields }, format, clean, put);
  Deno.exit(failureExitCode);
}

/** Which actors the node holds, and the heap of a thread that folds them. */
export type Actors = Pick<EngineOptions, "definitionsUrl" | "hostHeapMiB">;

type OwnOptions = Omit<
  EngineOptions,
  "shards" | "retentionMs" | "actorBytes" | "limits" | "isTraced" | "onFatal"
>;

async function openEngine(settings: Settings, options: OwnOptions): Promise<EmbeddedEngine> {
  try {
    return await startEngine({
      ...options,
      shards: settings.shards,
      retentionMs: settings.retention,
      actorBytes: settings.actorMemory,
      limits: { checkpointIntervalMs: settings.checkpointMs },
      isTraced,
      onFatal: (error) => fail(error, settings.logLevel === "debug"),
    });
  } catch (error) {
    // Files that are damaged, not ours, in use or made with other settings, and full disks, are for the user to mend.
    const isOfFiles = error instanceof LogError || error instanceof StoreError;
    throw isOfFiles ? new Refusal(error.message, { cause: error }) : error;
  }
}

/** Few lines of many that say the same, without secrets. */
function openLog(settings: Settings): Repeats {
  const repeats = new Repeats(
    machineClock,
    createLogger({
      level: settings.logLevel,
      format,
      redactor: clean,
      node: isOneOfSeveral ? nodeId(launched.index) : null,
      now: () => new Date(),
      put,
    }),
  );
  setInterval(() => repeats.check(), repeatsCheckMs);
  return repeats;
}

interface Link extends LauncherLink {
  /** Resolves when a signal, or the launcher, asks for a stop. */
  readonly stopSignal: Promise<void>;
}

/** @param engine once it runs */
function linkOf(engine: Promise<EmbeddedEngine>, log: ComponentLog): Link {
  const { promise, resolve } = Promise.withResolvers<void>();
  const link = linkToLauncher({
    onStop: resolve,
    async evict(name) {
      try {
        const isOut = await (await engine).evict(name);
        if (isOut) {
          log.info("evicted", `${name} is dead: its shards are the other nodes'.`, {
            isStep: true,
            fields: { name },
          });
        }
      } catch (thrown) {
        const reason = errorMessage(thrown);
        log.warn("not-evicted", `The nodes go on without ${name} by the group's time-out only: ${reason}`);
        throw thrown;
      }
    },
    onOrphaned: () => Deno.exit(failureExitCode),
  });
  return { stopSignal: Promise.race([untilStopSignal(), promise]), ...link };
}

async function openPublishing(
  settings: RedisSettings,
  registry: Registry,
  report: Report,
): Promise<HotPublishing> {
  const { HotPublishing } = await import("../runtime/node/hot_publishing.ts");
  return new HotPublishing({ settings, clock: machineClock, report, registry });
}

/** Rejects when Redis refuses what it is asked with: a mistake in the settings, and not an outage. */
async function refusedBy(publishing: HotPublishing | null): Promise<never> {
  const { promise: never } = Promise.withResolvers<never>();
  const sentence = publishing === null ? await never : await publishing.refused;
  throw new Refusal(`Cannot start: ${sentence.replace(/\. Cached reads .*/, "")}; correct REDIS_URL.`);
}

function topicSettings({ entryTopic, okTopic, keyedTopics = [] }: Settings): TopicSettings {
  return { entryTopic, okTopic, keyedTopics };
}

async function superviseHostMetrics(
  settings: Settings,
  { folder, servers }: Place,
  engine: Engine,
  app: App,
  report: Report,
): Promise<void> {
  const hostLog = logOf("host-metrics", report);
  await engine.supervise(source("host-metrics", (signal) =>
    runHostSource({
      engine: app.moving.watch(engine),
      // Other machines send theirs to the same store.
      labels: servers === null ? {} : { host: Deno.hostname() },
      probes: settings.hostMetrics ? hostProbes(folder?.path ?? Deno.cwd()) : [],
      signal,
      nowMs: Date.now,
      warn: (sentence) => hostLog.warn("source-failed", sentence, { like: sentence }),
      info: (sentence) => hostLog.info("source-works", sentence, { like: sentence, ends: "source-failed" }),
    })));
}

async function superviseTopics(
  settings: Settings,
  { servers }: Place,
  engine: EmbeddedEngine,
  registry: Registry,
  report: Report,
): Promise<void> {
  if (servers === null) return;
  const { runTopicSource } = await import("../runtime/topics/topic_source.ts");
  const forms = topicSettings(settings);
  const topics = panelTopics(forms);
  const topicLog = logOf("topics", report);
  const metrics = new TopicMetrics(registry, topics.keys(), refusalReasons);
  for (const topic of forms.keyedTopics) metrics.watch(topic, () => engine.topicLag(topic));
  const remembered = new RememberedPartitions();
  for (const [topic, read] of topics) {
    await engine.supervise(source(`topic-${topic}`, (signal) =>
      runTopicSource({
        kafka: servers.kafka,
        engine,
        topic,
        read,
        remembered,
        metrics,
        signal,
        warn: (sentence) => topicLog.warn("source-failed", sentence, { like: sentence }),
        info: (sentence) =>
          topicLog.info("source-works", sentence, { like: sentence, ends: "source-failed" }),
      })));
  }
}

function openTimeLogs({ timeLogs }: Settings, life: Life, report: Report): TimeLogs | null {
  if (timeLogs === undefined) return null;
  const log = logOf("time-logs", report);
  const warn = (sentence: string) => log.warn("not-written", sentence, { like: sentence });
  return new TimeLogs({ directory: folderOf(life, timeLogs), nowMs: Date.now, warn });
}

function openResults(
  settings: Settings,
  { folder, servers }: Place,
  registry: Registry,
  report: Report,
): NodeResults {
  const log = logOf("results", report);
  return new NodeResults({
    folder: folder?.path ?? null,
    servers,
    topicName: settings.resultsTopic,
    retentionMs: settings.retention,
    registry,
    nowMs: Date.now,
    warn: (sentence) => log.warn("not-stored", sentence, { like: sentence }),
    info: (sentence) => log.info("stored-again", sentence, { like: sentence, ends: "not-stored" }),
  });
}

async function superviseConfiguration(
  { hostMetrics }: Settings,
  config: ConfigFile | null,
  engine: Engine,
  report: Report,
): Promise<void> {
  // They compile patterns, which a start need not wait for.
  const { defaultRules } = await import("./rules/default_rules.ts");
  const { runConfiguration } = await import("./config/configuration.ts");
  const log = logOf("configuration", report);
  await engine.supervise(source("configuration", (signal) =>
    runConfiguration({
      engine,
      // They are about the host's metrics.
      defaults: hostMetrics ? defaultRules : {},
      config,
      signal,
      warn: (sentence) => log.warn("not-told", sentence, { like: sentence }),
    })));
}

async function superviseRemoteWrite(
  config: ConfigFile | null,
  receiver: RemoteWriteReceiver,
  engine: Engine,
  report: Report,
): Promise<void> {
  const log = logOf("remote-write", report);
  await engine.supervise(source("remote-write", (signal) =>
    runFollowing({
      engine,
      receiver,
      ofFile: config?.sources[remoteWriteName],
      signal,
      warn: (sentence) => log.warn("not-followed", sentence, { like: sentence }),
      info: (sentence) => log.info("followed-again", sentence, { like: sentence, ends: "not-followed" }),
    })));
}

async function runNode(
  { settings, denoVersion }: Extract<Command, { type: "start" }>,
  actors: Actors,
): Promise<void> {
  const { host } = settings;
  const config = settings.config === undefined ? null : readConfig(settings.config);
  const life = launched ?? ownLife(settings);
  const port: PortSetting = { flag: "--port", port: life.port, isShared: isOneOfSeveral };
  const admin: PortSetting = { flag: "--admin-port", port: life.adminPort };
  const startMs = performance.now();
  const repeats = openLog(settings);
  const report: Report = (notice) => repeats.add(notice);
  const log = logOf("node", report);
  const threads = settings.threads ?? ownThreads(life);
  const running = Promise.withResolvers<EmbeddedEngine>();
  const link = linkOf(running.promise, log);
  const { stopSignal } = link;

  await checkPorts(host, [port, admin]);
  const place = await takePlace(settings);
  const { folder, servers, redis } = place;
  const { version } = project;
  log.info("starting", `Sensorium ${version} starts on ${placeText(place)}.`, {
    isStep: true,
    fields: {
      version,
      deno: denoVersion,
      pid: Deno.pid,
      ...placeFields(place),
      ...servers !== null && { life: life.name },
      shards: settings.shards,
      threads,
    },
  });
  const edge = new Edge();
  // Where others answer on the shared port, one that only starts would take connections from them.
  const early = life.isRelieved ? null : await listen(host, port, edge.fetch);
  const adminHttp = await listen(host, admin, edge.adminFetch);
  folder?.announce(adminHttp.url);
  const registry = new Registry();
  const forecasts = new ForecastMetrics(registry);
  const publishing = redis === null ? null : await openPublishing(redis, registry, report);
  const results = openResults(settings, place, registry, report);
  const timeLogs = openTimeLogs(settings, life, report);
  const worn = Promise.withResolvers<"worn">();
  const openingEngine = openEngine(settings, {
    ...actors,
    dataDir: folder?.path ?? "",
    ...servers !== null && {
      servers,
      topics: keyedTopicReaders(topicSettings(settings)),
      member: { name: life.name, url: memberUrl(settings, adminHttp.port), dead: life.dead },
    },
    threads,
    report,
    services: actorServices({
      engine: running.promise,
      results: results.topic,
      registry,
      forecasts,
      timeLogs,
      report,
    }),
    compute: { jobsUrl: import.meta.resolve("./analysis/jobs.ts") },
    ...publishing !== null && { onPublished: publishing.onPublished },
    onDoor: (door) => edge.openDoor(door),
    onWaiting: (sentence) => edge.wait(sentence),
    onWorn: (sentence) => {
      log.error("worn", `${sentence}: the node stops, and its launcher starts it again`);
      worn.resolve("worn");
    },
  });
  // After the actors, which the engine loads first: its threads open their files meanwhile.
  const loadingApp = import(actors.definitionsUrl).then(() => import("./node_app.ts"));
  const opening = Promise.all([openingEngine, loadingApp]);
  const opened = await Promise.race([opening, stopSignal.then(() => null), refusedBy(publishing)]);
  if (opened === null) {
    // What it waited for never came, so nothing was accepted.
    screen.write(stoppedText);
    Deno.exit(0);
  }
  const [engine, { openApp }] = opened;
  running.resolve(engine);
  publishing?.follow(engine);
  const published = publishing?.hot ?? null;
  const parts = { engine, published, results, registry, forecasts, report, isTraced };
  const { app, receiver } = await openApp(settings, parts);
  edge.open(app);
  const http = early ?? await listen(host, port, app.fetch);
  screen.write(startText({ settings, place, denoVersion, url: http.url, adminUrls: [adminHttp.url] }));

  link.ready();
  log.info("ready", `It takes readings at ${http.url}.`, {
    isStep: true,
    fields: { url: http.url, adminUrl: adminHttp.url, afterMs: Math.round(performance.now() - startMs) },
  });

  const again = (setting: PortSetting, fetch: Fetch) => () => listen(host, setting, fetch);
  // The last to go is the one that other nodes ask, and whoever looks whether this one is ready.
  await engine.supervise(listening("admin-http", adminHttp, again(admin, edge.adminFetch), drainMs.requests));
  await engine.supervise(listening("http", http, again(port, app.fetch), drainMs.requests));
  if (life.index === 0) await superviseHostMetrics(settings, place, engine, app, report);
  await superviseTopics(settings, place, engine, registry, report);
  await engine.supervise(source("results", (signal) => results.run(signal)));
  await superviseConfiguration(settings, config, engine, report);
  await superviseRemoteWrite(config, receiver, engine, report);
  const stopSummary = startSummary(engine, life, link, log);

  const why = await Promise.race([stopSignal, worn.promise]);
  const isWorn = why === "worn";
  log.info("stopping", isWorn ? "It stops to be replaced." : "It was asked to stop.", { isStep: true });
  if (!isWorn) screen.write(stoppingText);
  stopSummary();
  app.close();
  await engine.stop(isWorn ? wornDrainMs : drainMs.requests + drainMs.folding);
  await publishing?.close();
  await timeLogs?.close();
  folder?.release();
  log.info("stopped", "It has stopped.", { isStep: true });
  repeats.close();
  if (isWorn) Deno.exit(failureExitCode);
  screen.write(stoppedText);
}

/** The main thread, which serves HTTP, keeps a core to itself. */
function ownThreads({ nodes }: Life): number {
  return Math.max(1, Math.floor(navigator.hardwareConcurrency / nodes) - 1);
}

/** Shows how it goes, here or at the launcher. Returns a function that stops it. */
function startSummary(engine: Engine, life: Life, link: LauncherLink, log: ComponentLog): () => void {
  const progress = () => engine.status().totals;
  const actors = new ActorCount(
    async () => (await engine.store.countActors()).reduce((sum, { count }) => sum + count, 0),
    (error) => log.warn("not-counted", `Cannot count the actors: ${errorMessage(error)}`),
  );
  if (!isOneOfSeveral) {
    return startLiveSummary({ screen, isTerminal: Deno.stdout.isTerminal(), progress, actors });
  }
  return startTellingProgress({ link, progress, actors: life.index === 0 ? actors : null });
}

async function main(args: readonly string[], actors: Actors): Promise<void> {
  const command = readCommand(args, Deno.env.toObject());
  if (command.type === "help") return print(command.text);
  clean = command.redactor;
  try {
    await runNode(command, actors);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    fail(error, command.settings.logLevel === "debug");
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
