/**
 * The history of one channel: what has left the ring comes from the store, the rest from the actor. Steps that are
 * multiples of five minutes are made of five-minute panes, others of one-minute panes, where those are kept.
 *
 * A strict answer is exact, by the order of reads that `read_history.ts` tells of.
 */

import { z } from "zod";
import type { Address } from "../../runtime/core/actor.ts";
import { historySeries, type RingPanes } from "../analytics/history.ts";
import { fiveMinuteHistory, type HistoryResolution, oneMinuteHistory } from "../analytics/resolution.ts";
import { readHistoryRows, RingAnswer } from "../sensors/read_history.ts";
import { timeArgumentShape } from "../sensors/timestamp.ts";
import { minutesKeptFor } from "../series/selection.ts";
import { type Collection, type CollectionContext, readProblems } from "./collection_routes.ts";
import { csvMediaType, csvResponse, csvText, wantsCsv } from "./csv.ts";
import { jsonResponse } from "./json_response.ts";
import { defaultHistorySpanMs, type HttpLimits } from "./limits.ts";
import { durationMs, instantMs, listConsistency } from "./parameters.ts";
import { ProblemError } from "./problem.ts";
import { badParameter, type Route, route } from "./route.ts";
import { History } from "./schemas.ts";
import { pointColumns } from "./tables.ts";

const parameters = z.strictObject({
  channel: z.string().optional().meta({ description: "Needed where the actor has several." }),
  from: instantMs.optional().meta({
    ...timeArgumentShape,
    description: "Epoch milliseconds or RFC 3339; 24 hours before `to`, if nothing is given.",
  }),
  to: instantMs.optional().meta({
    ...timeArgumentShape,
    description: "Epoch milliseconds or RFC 3339; now, if nothing is given.",
  }),
  step: durationMs.prefault("5m").meta({
    description: "Length of a point: 5m, 15m, 1h, or milliseconds; a multiple of 5 minutes. " +
      `Multiples of 1 minute are kept for ${minutesKeptFor}.`,
  }),
  consistency: listConsistency,
});

export function historyRoute(collection: Collection, context: CollectionContext): Route {
  const { path, noun, idExample } = collection;
  return route({
    method: "get",
    path: `/${path}/{id}/history`,
    operationId: `get-${path}-history`,
    tag: path,
    summary: `One channel of a ${noun} over time.`,
    description: `At most ${context.limits.maxHistoryPoints} points; steps without values have none. ` +
      "Points begin at multiples of the step since 1970-01-01T00:00:00Z.",
    access: "token",
    segments: { id: `The ${noun}'s id, percent-encoded.` },
    segmentExamples: { id: idExample },
    query: parameters,
    success: {
      status: 200,
      description: "The points.",
      mediaType: "application/json",
      alsoAs: [csvMediaType],
      schema: History,
    },
    problems: [...readProblems, "unknown-channel"],
    answer: (query, { request, segments: { id = "" } }) =>
      answerHistory(collection, id, query, { ...context, isCsv: wantsCsv(request) }),
  });
}

async function answerHistory(
  { type }: Collection,
  id: string,
  query: z.output<typeof parameters>,
  { engine, store, reader, limits, isCsv }: CollectionContext & { readonly isCsv: boolean },
): Promise<Response> {
  const actor: Address = { kind: type.kind, id };
  const resolution = resolutionOf(query.step);
  const range = bucketRange(query, engine.logNowMs(), limits);
  const panes = resolution === oneMinuteHistory ? "minutePanes" : "panes";
  const { epoch, position, value, age } = await reader.read(actor, panes, {}, query.consistency);
  const ring = RingAnswer.parse(value);
  if (!ring.isKept) throw unkeptStep(query.step);
  const channel = query.channel === undefined ? onlyChannel(ring) : knownChannel(query.channel, ring);
  if (query.consistency === "strict") {
    await engine.flush(limits.askDeadlineMs, [engine.shardOf(actor.id)]);
  }
  const rows = await readHistoryRows(store, actor, resolution, range, limits.historyRowsPage);
  const points = historySeries(resolution, rows, ring, { channel, ...range });
  if (isCsv) return csvResponse(csvText(pointColumns, points.map((point) => ({ ...point }))));
  const { fromMs, toMs, stepMs } = range;
  return jsonResponse({
    id: actor.id,
    epoch,
    position,
    channel,
    from: fromMs,
    to: toMs,
    stepMs,
    points,
    ...age,
  });
}

/** The coarsest resolution of which steps of this length can be made. */
function resolutionOf(stepMs: number): HistoryResolution {
  const kept = [fiveMinuteHistory, oneMinuteHistory];
  const resolution = kept.find((each) => stepMs > 0 && stepMs % each.stepMs === 0);
  if (resolution !== undefined) return resolution;
  throw badParameter("step", `it is ${stepMs} ms; a multiple of 1 minute is right, such as 5m or 1h`);
}

function unkeptStep(stepMs: number): ProblemError {
  return badParameter(
    "step",
    `it is ${stepMs} ms; a multiple of 5 minutes is right, such as 5m or 1h: single minutes are kept for ` +
      minutesKeptFor,
  );
}

interface Range {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** The whole buckets that the range asked for touches. */
function bucketRange(
  { from, to, step }: { from?: number | undefined; to?: number | undefined; step: number },
  nowMs: number,
  { maxHistoryPoints }: HttpLimits,
): Range {
  const endMs = to ?? nowMs;
  const beginMs = from ?? endMs - defaultHistorySpanMs;
  if (beginMs >= endMs) throw badParameter("from", "it is not before `to`");
  const fromMs = Math.floor(beginMs / step) * step;
  const toMs = Math.ceil(endMs / step) * step;
  const points = (toMs - fromMs) / step;
  if (points > maxHistoryPoints) {
    throw badParameter("step", `the range has ${points} steps, at most ${maxHistoryPoints} are right`);
  }
  return { fromMs, toMs, stepMs: step };
}

function onlyChannel({ channels }: RingPanes): string {
  const names = Object.keys(channels);
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  throw badParameter("channel", `it is needed; the actor's channels are ${names.join(", ") || "unknown"}`);
}

/** An actor never forgets a channel, so what its ring does not name has no rows either. */
function knownChannel(name: string, { channels }: RingPanes): string {
  if (Object.hasOwn(channels, name)) return name;
  const known = Object.keys(channels).join(", ") || "none";
  throw new ProblemError("unknown-channel", `It has no channel "${name}"; its channels are: ${known}.`);
}
