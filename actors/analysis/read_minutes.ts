/** The last hours of a series in one-minute steps, as long sums want them. */

import { z } from "zod";
import type { Address } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type Finding, known, notKnown } from "../analytics/finding.ts";
import { type HistoryPoint, historySeries } from "../analytics/history.ts";
import type { RegularSeries } from "../analytics/regular_series.ts";
import { oneMinuteHistory } from "../analytics/resolution.ts";
import { readHistoryRows, RingAnswer } from "../sensors/read_history.ts";
import {
  noValuesIn,
  rateChannel,
  type SeriesChannel,
  seriesChannel,
  seriesChannels,
} from "../series/channels.ts";
import { askDeadlineMs, historyRowsPage, stepMs } from "./limits.ts";

/** What the query `analysedMinutes` of a series answers. */
const MinutesAnswer = z.object({ channel: z.enum(seriesChannels), ring: RingAnswer });

export interface Minutes {
  /** What they are of: the channel that is analysed. */
  readonly channel: SeriesChannel;
  /** What was analysed by programs that did not ask for that: the rate of every series that had ever had one. */
  readonly formerChannel: SeriesChannel;
  readonly series: RegularSeries;
}

/**
 * The means of the minutes that were over at `atMs`, from the first one with a value on; at most those of `spanMs`. Not
 * known when there is no such series, or it has no value then.
 */
export async function readMinutes(
  engine: Pick<Engine, "ask" | "flush" | "shardOf" | "store">,
  id: string,
  atMs: number,
  spanMs: number,
): Promise<Finding<Minutes>> {
  const actor: Address = { kind: "series", id };
  const answer = await engine.ask(actor, "analysedMinutes", {}, {
    consistency: "strict",
    deadlineMs: askDeadlineMs,
  });
  if (answer.type === "absent") return notKnown(noValuesIn(seriesChannel));
  if (answer.type !== "answered") {
    const sentence = answer.type === "moved" ? "its shard is moving" : answer.sentence;
    throw new Error(`Cannot read the minutes of the series ${id}: ${sentence}`);
  }
  const { channel, ring } = MinutesAnswer.parse(JSON.parse(answer.json));
  await engine.flush(askDeadlineMs, [engine.shardOf(id)]);
  const toMs = Math.floor(atMs / stepMs) * stepMs;
  const range = { fromMs: toMs - spanMs, toMs };
  const rows = await readHistoryRows(engine.store, actor, oneMinuteHistory, range, historyRowsPage);
  const points = historySeries(oneMinuteHistory, rows, ring, { channel, stepMs, ...range });
  const series = regular(points, toMs);
  if (series === null) return notKnown(noValuesIn(channel));
  const formerChannel = Object.hasOwn(ring.channels, rateChannel) ? rateChannel : seriesChannel;
  return known({ channel, formerChannel, series });
}

function regular(points: readonly HistoryPoint[], toMs: number): RegularSeries | null {
  const startMs = points[0]?.start;
  if (startMs === undefined) return null;
  const values = new Float64Array((toMs - startMs) / stepMs).fill(NaN);
  for (const { start, mean } of points) if (mean !== null) values[(start - startMs) / stepMs] = mean;
  return { startMs, stepMs, values };
}
