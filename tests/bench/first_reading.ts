/** From the start of the process, with nothing configured, to the first series value that the live page gets. */

import { type BenchOptions, type Figure, median, type Row } from "./figure.ts";
import { withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, type ProcessStats, readStats } from "./process_stats.ts";

const targetSeconds = 2;
const deadlineMs = 30_000;

interface Moving {
  readonly kind: string;
  readonly windows1h: Readonly<Record<string, { readonly count: number }>>;
}

function hasSeriesValue(event: { readonly moving?: readonly Moving[] }): boolean {
  return (event.moving ?? []).some(({ kind, windows1h }) =>
    kind === "series" && Object.values(windows1h).some(({ count }) => count > 0)
  );
}

/** Resolves when an event with a series' value arrived; rejects when the feed ends, is refused or `signal` aborts. */
async function untilSeriesMoves(url: URL, signal: AbortSignal): Promise<void> {
  const response = await fetch(new URL("/events", url), { signal });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`/events answers ${response.status}`);
  }
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split("\n\n");
    text = events.pop() ?? "";
    const values = events.flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? []);
    if (values.some((value) => hasSeriesValue(JSON.parse(value)))) return;
  }
  throw new Error("/events ended");
}

async function measureOnce(): Promise<{ seconds: number; stats: ProcessStats | null }> {
  return await withBench([], async (bench) => {
    const startedAtMs = performance.now();
    const server = bench.spawn();
    const signal = AbortSignal.timeout(deadlineMs);
    for (;;) {
      try {
        await untilSeriesMoves(bench.url, signal);
        const seconds = (performance.now() - startedAtMs) / 1000;
        return { seconds, stats: await readStats(await server.nodePid()) };
      } catch (thrown) {
        // Until the port is open there is nobody to refuse the connection politely.
        if (signal.aborted) throw new Error(`No series value within ${deadlineMs} ms`, { cause: thrown });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  });
}

const nothing: ProcessStats = { rssBytes: 0, cpuSeconds: new Map() };

async function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const ownBefore = ownCpuSeconds();
  // The first start fills the module cache, which is then warm.
  await measureOnce();
  const results = [];
  for (let round = 0; round < rounds; round++) results.push(await measureOnce());
  const times = results.map(({ seconds }) => seconds);
  return [{
    figure: `first reading on the page after the start, warm cache, ${rounds} rounds`,
    target: `≤ ${targetSeconds} s`,
    measured: `median ${median(times).toFixed(2)} s, max ${Math.max(...times).toFixed(2)} s`,
    isMet: median(times) <= targetSeconds,
    serverCpu: cpuText(nothing, results[0]?.stats ?? null),
    clientCpu: ownCpuText(ownBefore),
  }];
}

export const firstReading: Figure = {
  name: "page",
  meaning: "from the start to the first value on the live page",
  run: measure,
};
