/** Takes values of a series as CSV: history that is brought in, which is never late. */

import { z } from "zod";
import { maxAheadMs } from "../../runtime/core/limits.ts";
import type { FrequentOffers } from "../rules/offering.ts";
import { timeArgumentShape } from "../sensors/timestamp.ts";
import type { SampleMessage } from "../series/series.ts";
import { type BadLine, linesOf, readCsv } from "../transfer/csv_samples.ts";
import { essence } from "./accept.ts";
import { bodyText, isGzip } from "./body.ts";
import type { Visit } from "./client_limits.ts";
import type { Collection, CollectionContext } from "./collection_routes.ts";
import { csvMediaType } from "./csv.ts";
import { keyText, readKey } from "./intake.ts";
import { jsonResponse } from "./json_response.ts";
import type { HttpMetrics } from "./metrics.ts";
import { instantMs } from "./parameters.ts";
import { bodyProblems, durableProblems, ProblemError } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { Imported } from "./schemas.ts";

export interface ImportContext extends CollectionContext {
  readonly metrics: HttpMetrics;
  /** Told of a series before its values are sent. */
  readonly offers: Pick<FrequentOffers, "offer">;
  /** How long the node keeps history; null: nobody knows. */
  readonly retentionMs: number | null;
}

const parameters = z.strictObject({
  until: instantMs.optional().meta({
    ...timeArgumentShape,
    description: "Lines of later times are refused; 5 minutes from now, if nothing is given.",
  }),
});

export function importRoute(collection: Collection, context: ImportContext): Route {
  const { engine, bodies, limits, metrics } = context;
  const { type: { kind }, path, noun, idExample } = collection;
  return route({
    method: "post",
    path: `/${path}/{id}/history`,
    operationId: `post-${path}-history`,
    tag: path,
    summary: `Takes values of a ${noun} as CSV, as history.`,
    description:
      "A line for each value, `timestamp,value`; times in RFC 3339, without a zone in UTC, or epoch " +
      "seconds or milliseconds. A header may name the two among other columns. At most " +
      `${limits.maxBodyItems} lines and ${limits.maxBodyBytes} bytes, before and after \`Content-Encoding: gzip\`. ` +
      "202 means: durable. Bad lines are named by their number. The same lines under the same " +
      "Idempotency-Key, with the same `until`, count once.",
    access: "token",
    segments: { id: `The ${noun}'s id, percent-encoded.` },
    segmentExamples: { id: idExample },
    query: parameters,
    headers: {
      "Idempotency-Key": keyText(limits.maxKeyBytes).meta({
        description: "Names the body: a repeat under the same key within 10 minutes changes nothing.",
      }),
    },
    body: {
      description: "Good and bad lines may be mixed.",
      schemas: { [csvMediaType]: z.string() },
      example: "timestamp,value\n2026-01-31T12:00:00Z,0.25\n",
    },
    success: {
      status: 202,
      description: "Every accepted value is durable.",
      mediaType: "application/json",
      schema: Imported,
    },
    problems: ["bad-id", ...bodyProblems, "nothing-accepted", "bad-key", ...durableProblems],
    answer: async ({ until }, { request, visit, segments: { id = "" } }) => {
      checkForm(request);
      const key = readKey(request.headers.get("idempotency-key"), limits.maxKeyBytes);
      const refusal = engine.refusal();
      if (refusal !== null) throw refusal;
      const form = { isGzip: isGzip(request), maxBytes: limits.maxBodyBytes, isLines: true };
      const { sent, ...answer } = await bodies.during(request, (arrived) => {
        const untilMs = until ?? engine.logNowMs() + maxAheadMs;
        return send(bodyText(arrived, form), { kind, id, key, untilMs, visit }, context);
      });
      await sent;
      metrics.items(kind, answer.accepted, answer.rejected);
      if (answer.accepted === 0 && answer.rejected.length > 0) throw nothingAccepted(answer.rejected);
      return jsonResponse(answer, 202);
    },
  });
}

function checkForm({ headers }: Request): void {
  const type = headers.get("content-type");
  if (type !== null && essence(type) === csvMediaType) return;
  throw new ProblemError("unknown-media-type", `Content-Type is ${type}; understood is ${csvMediaType}.`);
}

interface Envelope {
  readonly kind: string;
  readonly id: string;
  readonly key: string | null;
  readonly untilMs: number;
  readonly visit: Visit;
}

/** What became of a body; `sent` resolves when what was accepted is durable. */
interface Sent {
  readonly sent: Promise<void> | null;
  readonly accepted: number;
  readonly rejected: readonly BadLine[];
  readonly forgotten: number;
}

/** Everything that takes this thread's time. */
function send(
  text: string,
  { kind, id, key, untilMs, visit }: Envelope,
  { engine, offers, limits: { maxBodyItems }, retentionMs }: ImportContext,
): Sent {
  if (text.trim() === "") {
    throw new ProblemError("malformed-body", "The body is empty; send timestamp,value.");
  }
  const lines = linesOf(text);
  if (lines.length > maxBodyItems) {
    const detail = `A body has at most ${maxBodyItems} lines; this one has ${lines.length}.`;
    throw new ProblemError("body-too-large", detail, { members: { maxItems: maxBodyItems } });
  }
  visit.brought(lines.length);
  const batch = key === null ? engine.batch() : engine.batch(key);
  const rejected: BadLine[] = [];
  const keptFromMs = retentionMs === null ? -Infinity : engine.logNowMs() - retentionMs;
  let forgotten = 0;
  const samples: ImportedSample[] = [];
  readCsv(lines, untilMs, {
    sample(timeMs, value) {
      if (timeMs < keptFromMs) forgotten++;
      samples.push([timeMs, null, value, 1]);
    },
    bad: (line) => void rejected.push(line),
  });
  for (const sample of inOrder(samples)) batch.add(kind, id, sample);
  const sent = batch.size > 0 ? offers.offer([id]).then(() => batch.send()) : null;
  return { sent, accepted: batch.size, rejected, forgotten };
}

type ImportedSample = SampleMessage & readonly [timeMs: number, ...rest: unknown[]];

/** Oldest first: a counter grows that way, whichever way its file is written. Those of one time stay as they are. */
function inOrder(samples: ImportedSample[]): readonly ImportedSample[] {
  const isSorted = samples.every(([timeMs], at) => at === 0 || samples[at - 1]![0] <= timeMs);
  return isSorted ? samples : samples.sort(([a], [b]) => a - b);
}

function nothingAccepted(rejected: readonly BadLine[]): ProblemError {
  const [first] = rejected;
  const detail = `All ${rejected.length} lines were refused; the first, ${first?.line}: ${first?.sentence}.`;
  return new ProblemError("nothing-accepted", detail, { members: { accepted: 0, rejected } });
}
