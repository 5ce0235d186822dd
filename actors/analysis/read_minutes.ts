/** The last hours of a series in one-minute steps, as long sums want them. */

import type { Address } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type HistoryPoint, historySeries } from "../analytics/history.ts";
import type { RegularSeries } from "../analytics/regular_series.ts";
import { oneMinuteHistory } from "../analytics/resolution.ts";
import { readHistoryRows, RingAnswer } from "../sensors/read_history.ts";
import { rateChannel, seriesChannel } from "../series/series.ts";
import { askDeadlineMs, historyRowsPage, stepMs } from "./limits.ts";

/**
 * The means of the minutes that were over at `atMs`, from the first one with a value on; at most those of `spanMs`. Of a
 * counter whose growth is told, the growth. Null when there is no such series, or it has no value then.
 */
export async function readMinutes(
  engine: Pick<Engine, "ask" | "flush" | "shardOf" | "store">,
  id: string,
  atMs: number,
  spanMs: number,
): Promise<RegularSeries | null> {
  const actor: Address = { kind: "series", id };
  const answer = await engine.ask(actor, "minutePanes", {}, {
    consistency: "strict",
    deadlineMs: askDeadlineMs,
  });
  if (answer.type === "absent") return null;
  if (answer.type !== "answered") {
    const sentence = answer.type === "moved" ? "its shard is moving" : answer.sentence;
    throw new Error(`Cannot read the minutes of the series ${id}: ${sentence}`);
  }
  const ring = RingAnswer.parse(JSON.parse(answer.json));
  await engine.flush(askDeadlineMs, [engine.shardOf(id)]);
  const toMs = Math.floor(atMs / stepMs) * stepMs;
  const range = { fromMs: toMs - spanMs, toMs };
  const rows = await readHistoryRows(engine.store, actor, oneMinuteHistory, range, historyRowsPage);
  const channel = Object.hasOwn(ring.channels, rateChannel) ? rateChannel : seriesChannel;
  return regular(historySeries(oneMinuteHistory, rows, ring, { channel, stepMs, ...range }), toMs);
}

function regular(points: readonly HistoryPoint[], toMs: number): RegularSeries | null {
  const startMs = points[0]?.start;
  if (startMs === undefined) return null;
  const values = new Float64Array((toMs - startMs) / stepMs).fill(NaN);
  for (const { start, mean } of points) if (mean !== null) values[(start - startMs) / stepMs] = mean;
  return { startMs, stepMs, values };
}
