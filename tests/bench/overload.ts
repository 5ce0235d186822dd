/**
 * A node under far more load than it can take: `tests/overload`, for as long as asked.
 *
 * What it can take is measured with 16 connections that wait for their answers; then 1,536 come that wait for nothing,
 * and as many idle and slow clients as make 5,000 connections, with 1,000 that listen to the live feed and do not read.
 */

import { overload as run } from "../overload/overload.ts";
import { isRight } from "../verify/verifier.ts";
import { type BenchOptions, type Figure, mebibytes, milliseconds, perSecond, type Row } from "./figure.ts";
import { lossText } from "./load.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { type ProcessorSplit, splitProcessors } from "./processors.ts";
import { ownCpuSeconds, ownCpuText } from "./process_stats.ts";

/** Of what the node takes from senders that wait for their answers. */
const leastRatio = 10;
/** What `Turns` lets wait, and what the log and the sender add. */
const maxAcceptedMs = 5000;
const maxReadMs = 5000;
/** Of 5,000 connections, with all that their senders have sent ahead. */
const maxRssBytes = 1280 * 2 ** 20;

async function measure(options: BenchOptions): Promise<readonly Row[]> {
  const split = await splitProcessors();
  try {
    return await measureOn(split, options);
  } finally {
    await split.end();
  }
}

async function measureOn(split: ProcessorSplit, { seconds }: BenchOptions): Promise<readonly Row[]> {
  const ownBefore = ownCpuSeconds();
  return await withBench(loadFlags, async (bench) => {
    const found = await run(bench, {
      connections: 5000,
      crowd: { trickling: 200, unread: 100, listeners: 1000 },
      sustainedSeconds: Math.max(3, Math.ceil(seconds / 6)),
      floodSeconds: seconds,
      streams: 24,
      bodyReadings: 1000,
    });
    const { tally, reads, verification } = found;
    const refused = [...tally.refused].map(([status, count]) => `${status}: ${count}`).join(", ") || "none";
    const acceptedMs = tally.latencies.quantileMs(0.99);
    const ratio = found.offeredPerSecond / found.sustainablePerSecond;
    const row = (figure: string, target: string, measured: string, isMet: boolean | null): Row => ({
      figure,
      target,
      measured,
      isMet,
      serverCpu: "",
      clientCpu: "",
    });
    return [{
      ...row(
        `overload, ${split.text}, ${found.connections} connections, ${seconds} s: what is accepted`,
        `≥ ${leastRatio} times, p99 ≤ ${milliseconds(maxAcceptedMs)}, all verified`,
        `${perSecond(found.acceptedPerSecond)} of ${perSecond(found.offeredPerSecond)} offered, ${
          ratio.toFixed(1)
        } times the ${perSecond(found.sustainablePerSecond)} of senders that wait; p50 ${
          milliseconds(tally.latencies.quantileMs(0.5))
        }, p99 ${milliseconds(acceptedMs)}; ${lossText(verification)}`,
        ratio >= leastRatio && acceptedMs <= maxAcceptedMs && isRight(verification),
      ),
      clientCpu: ownCpuText(ownBefore),
    }, {
      ...row(
        "its refusals, and listeners refused",
        "429 or 503 with Retry-After",
        `${refused}; unanswered ${tally.unanswered.length}; ${found.listening} listen, 503: ${found.listenersRefused}`,
        tally.wrong.length === 0 && found.listenersRefusedWrongly === 0,
      ),
    }, {
      ...row(
        "its reads meanwhile",
        `p99 ≤ ${milliseconds(maxReadMs)}`,
        `p50 ${milliseconds(reads.quantileMs(0.5))}, p99 ${milliseconds(reads.quantileMs(0.99))}; ${
          milliseconds(found.recoveredAfterMs)
        } after its end a reading was taken and read`,
        reads.quantileMs(0.99) <= maxReadMs,
      ),
    }, {
      ...row(
        "its largest resident memory",
        `≤ ${mebibytes(maxRssBytes)}`,
        mebibytes(found.maxRssBytes),
        found.maxRssBytes <= maxRssBytes,
      ),
    }];
  }, { within: split.within });
}

export const overload: Figure = {
  name: "overload",
  meaning: "far too much load, slow clients, 5,000 connections: what is accepted, refused, held",
  run: measure,
};
