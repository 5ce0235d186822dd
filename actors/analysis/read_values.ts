/** The windows of what is analysed of a series, as results name them. */

import type { Json } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type Finding, known, notKnown } from "../analytics/finding.ts";
import type { WindowAnswer } from "../analytics/window_answer.ts";
import { noValuesIn, seriesChannel } from "../series/channels.ts";
import type { AnalysedWindows } from "../series/series.ts";
import { askDeadlineMs } from "./limits.ts";

function valueOf({ from, to, count, min, max, mean, stdSample }: WindowAnswer): Json {
  return { from, to, count, max, min, avg: mean, std: stdSample };
}

/** By window: `{from, to, count, max, min, avg, std}`, `std` that of a sample. */
export async function readValues(engine: Pick<Engine, "ask">, id: string): Promise<Finding<Json>> {
  const answer = await engine.ask({ kind: "series", id }, "analysedWindows", {}, {
    consistency: "strict",
    deadlineMs: askDeadlineMs,
  });
  if (answer.type === "absent") return notKnown(noValuesIn(seriesChannel));
  if (answer.type !== "answered") throw new Error(`Cannot read the windows of the series ${id}`);
  const { channel, windows }: AnalysedWindows = JSON.parse(answer.json);
  if (windows === null) return notKnown(noValuesIn(channel));
  return known(Object.fromEntries(Object.entries(windows).map(([name, window]) => [name, valueOf(window)])));
}
