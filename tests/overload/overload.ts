/**
 * A node under more load than it can take, from every side at once: what it can take is measured first, then senders
 * that do not wait and a crowd of idle and slow clients come together; afterwards everything accepted is verified.
 */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { Latencies } from "../../actors/simulate/latency.ts";
import { runLoad } from "../bench/load.ts";
import type { Bench } from "../bench/measured_server.ts";
import { readStats } from "../bench/process_stats.ts";
import { eventually } from "../services/eventually.ts";
import { type Verification, verify } from "../verify/verifier.ts";
import { Crowd, type CrowdOptions } from "./crowd.ts";
import { flood, FloodTally } from "./flood.ts";
import { affordableConnections } from "./open_files.ts";

export interface OverloadOptions {
  /** All together; as many of them are idle as the others leave. */
  readonly connections: number;
  readonly crowd: Omit<CrowdOptions, "url" | "idle">;
  readonly sustainedSeconds: number;
  readonly floodSeconds: number;
  /** Of senders, `connectionsPerStream` each. */
  readonly streams: number;
  readonly bodyReadings: number;
}

export interface Overload {
  /** Readings a second that 16 senders, each of which waits for its answers, get in. */
  readonly sustainablePerSecond: number;
  readonly offeredPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly tally: FloodTally;
  /** Of reads while the flood went on, each over a connection of its own. */
  readonly reads: Latencies;
  readonly connections: number;
  readonly listening: number;
  /** Listeners refused, and how many of those refusals were not 503 with `Retry-After`. */
  readonly listenersRefused: number;
  readonly listenersRefusedWrongly: number;
  /** Largest resident memory; 0 where the system does not tell. */
  readonly maxRssBytes: number;
  /** From the end of the flood until a reading was taken and read back, with the crowd still there. */
  readonly recoveredAfterMs: number;
  readonly verification: Verification;
}

const sensors = 2000;
const watchMs = 250;
const readTimeoutMs = 30_000;
const recoveryDeadlineMs = 30_000;

const connectionsPerStream = 64;

async function idleConnections({ connections, crowd, streams }: OverloadOptions): Promise<number> {
  const busy = crowd.trickling + crowd.unread + crowd.listeners + streams * connectionsPerStream;
  return Math.max(0, await affordableConnections(connections) - busy);
}

export async function overload(bench: Bench, options: OverloadOptions): Promise<Overload> {
  const server = await bench.start();
  const { url } = bench;
  const watched = watchMemory(await server.nodePid());
  const sustained = await runLoad({
    url,
    sensors,
    ratePerSecond: null,
    bodyReadings: options.bodyReadings,
    forSeconds: options.sustainedSeconds,
  });
  using crowd = await Crowd.open({ url, ...options.crowd, idle: await idleConnections(options) });
  const tally = new FloodTally();
  const stop = new AbortController();
  let startedAtMs = 0;
  let reads: Watch<Latencies> | undefined;
  const ledgers = await flood({
    url,
    sensors,
    streams: options.streams,
    bodyReadings: options.bodyReadings,
    tally,
    onStart: () => {
      startedAtMs = performance.now();
      reads = watchReads(url);
      setTimeout(() => stop.abort(), options.floodSeconds * 1000);
    },
    stop: stop.signal,
  });
  const endedAtMs = performance.now();
  const tookSeconds = (endedAtMs - startedAtMs) / 1000;
  await takesReadings(url);
  const recoveredAfterMs = performance.now() - endedAtMs;
  const readLatencies = await reads!.end();
  const all = [...sustained.map(({ ledger }) => ledger), ...ledgers];
  const verification = await verify({ url, token: null }, all);
  const { tally: { accepted }, tookMs } = sustained[0]!;
  return {
    sustainablePerSecond: accepted * 1000 / tookMs,
    offeredPerSecond: tally.offered / tookSeconds,
    acceptedPerSecond: tally.accepted / tookSeconds,
    tally,
    reads: readLatencies,
    connections: crowd.connections + options.streams * connectionsPerStream,
    listening: crowd.listening,
    listenersRefused: crowd.refusals.length,
    listenersRefusedWrongly:
      crowd.refusals.filter(({ status, retryAfterS }) => status !== 503 || retryAfterS === null).length,
    maxRssBytes: await watched.end(),
    recoveredAfterMs,
    verification,
  };
}

interface Watch<T> {
  end(): Promise<T>;
}

function watchMemory(pid: number): Watch<number> {
  let maxBytes = 0;
  const read = async () => void (maxBytes = Math.max(maxBytes, (await readStats(pid))?.rssBytes ?? 0));
  const loop = repeat(read);
  return {
    end: async () => {
      await loop.end();
      await read();
      return maxBytes;
    },
  };
}

function watchReads(url: URL): Watch<Latencies> {
  const latencies = new Latencies();
  const loop = repeat(async () => {
    const sentAtMs = performance.now();
    // One that is refused knows as soon where it stands.
    await get(url, "/sensors?limit=1", [200, 503]);
    latencies.add(performance.now() - sentAtMs);
  });
  return {
    end: async () => {
      await loop.end();
      return latencies;
    },
  };
}

/** Does `work` again and again with pauses, until its end, which rejects when the work did. */
function repeat(work: () => Promise<void>): Watch<void> {
  let isEnded = false;
  const pauseEnd = Promise.withResolvers<void>();
  const run = async () => {
    while (!isEnded) {
      await work();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, watchMs));
      await Promise.race([pause, pauseEnd.promise]);
      clearTimeout(timer);
    }
  };
  const running = run();
  // Whoever ends it hears of it.
  running.catch(() => {});
  return {
    end: async () => {
      isEnded = true;
      pauseEnd.resolve();
      await running;
    },
  };
}

async function get(url: URL, target: string, wanted: readonly number[]): Promise<unknown> {
  return await ask(url, { method: "GET", target, body: "", wanted });
}

interface Question {
  readonly method: "GET" | "POST";
  readonly target: string;
  readonly body: string;
  readonly wanted: readonly number[];
}

async function ask(url: URL, { method, target, body, wanted }: Question): Promise<unknown> {
  const connection = new HttpConnection(url);
  try {
    const headers = { "content-type": "application/json" };
    const answer = await connection.request({ method, target, headers, body, timeoutMs: readTimeoutMs });
    if (!wanted.includes(answer.status)) {
      throw new Error(`${target} answers ${answer.status} ${answer.text.slice(0, 200)}`);
    }
    return JSON.parse(answer.text);
  } finally {
    connection.close();
  }
}

/** Resolves when a reading is accepted, and counted by the read that follows. */
async function takesReadings(url: URL): Promise<void> {
  const body = `{"id":"afterwards","values":{"t":1}}`;
  await eventually("a reading that is taken after the flood", recoveryDeadlineMs, () => {
    return ask(url, { method: "POST", target: "/readings", body, wanted: [202] });
  });
  await get(url, "/sensors/afterwards/windows", [200]);
}
