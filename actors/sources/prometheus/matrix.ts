/**
 * The samples in a Prometheus server's answer to `query_range`.
 *
 * 1. Of all answers to one request no more than `max` series are let in, in the order of their ids.
 * 2. Each sample carries its time in milliseconds as its number, as remote write does: it counts once, however often it is
 *    asked for, and whichever of the two brings it.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries.
 */

import { z } from "zod";
import { maxAheadMs } from "../../../runtime/core/limits.ts";
import { seriesId, seriesProblem } from "../../series/sample.ts";
import type { SampleMessage } from "../../series/series.ts";
import { AnswerError } from "./answer_text.ts";
import { parseValue } from "./exposition.ts";
import { renamed, withLabels } from "./labels.ts";
import { type Tally, Tallying } from "./scrape_messages.ts";
import type { ServerSpec } from "./source_spec.ts";
import type { SourceSample } from "./target_series.ts";

const MatrixSeries = z.object({
  metric: z.record(z.string(), z.string()),
  // Looked at one by one: they are many.
  values: z.array(z.unknown()),
});
export type MatrixSeries = z.infer<typeof MatrixSeries>;

const Matrix = z.object({
  status: z.literal("success"),
  data: z.object({ resultType: z.literal("matrix"), result: z.array(MatrixSeries) }),
});

const Refusal = z.object({ status: z.literal("error"), errorType: z.string(), error: z.string() });

/** Reads the body of an answer. Throws an `AnswerError`. */
export function parseMatrix(text: string, status: number): readonly MatrixSeries[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    const sentence =
      `It answers with ${status} and no JSON: it is no Prometheus server, or another path is needed`;
    throw new AnswerError("not-metrics", sentence, { cause });
  }
  const matrix = Matrix.safeParse(body);
  if (matrix.success) return matrix.data.data.result;
  const refusal = Refusal.safeParse(body);
  if (refusal.success) {
    const { errorType, error } = refusal.data;
    const words = `${errorType}: ${error}`.replace(/\s+/g, " ").slice(0, 300);
    throw new AnswerError("status", `It answers with ${status}, ${words}`);
  }
  throw new AnswerError("not-metrics", `It answers with ${status} and JSON that is no range of values`);
}

interface Named {
  readonly id: string;
  readonly values: readonly unknown[];
}

function named({ metric, values }: MatrixSeries, spec: ServerSpec, tallying: Tallying): Named | null {
  const { __name__: name = "", ...labels } = metric;
  const parts = renamed(withLabels({ name, labels }, spec.labels ?? {}), spec.rename ?? {});
  const problem = seriesProblem(parts);
  if (problem === null) return { id: seriesId(parts.name, parts.labels), values };
  tallying.refuse("invalid", () => problem);
  return null;
}

function readPoint(point: unknown): readonly [tsMs: number, value: number] | null {
  if (!Array.isArray(point)) return null;
  const [seconds, text]: unknown[] = point;
  if (typeof seconds !== "number" || !Number.isFinite(seconds) || typeof text !== "string") return null;
  const value = parseValue(text);
  return value === null ? null : [Math.round(seconds * 1000), value];
}

export interface MatrixOptions {
  readonly spec: ServerSpec;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  readonly isImport: boolean;
}

/** What of answers is for series. */
export function matrixSamples(
  answers: readonly MatrixSeries[],
  { spec, nowMs, isImport }: MatrixOptions,
): { readonly samples: readonly SourceSample[]; readonly tally: Tally } {
  const tallying = new Tallying();
  const all = answers.flatMap((each) => named(each, spec, tallying) ?? [])
    .toSorted((a, b) => a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const samples: SourceSample[] = [];
  let last = "";
  for (const { id, values } of all) {
    if (id === last) {
      tallying.refuse("duplicate", () => `${id} is there more than once`);
      continue;
    }
    last = id;
    if (tallying.series >= spec.max) {
      tallying.refuse("beyond", () => `${id} is beyond the ${spec.max} series of max`);
      continue;
    }
    tallying.series++;
    for (const point of values) {
      const read = readPoint(point);
      if (read === null) {
        tallying.refuse(
          "broken",
          () => `${id} has ${JSON.stringify(point)} where a time and a value are needed`,
        );
        continue;
      }
      const [tsMs, value] = read;
      if (!Number.isFinite(value)) tallying.refuse("notFinite", () => `${id} is ${value}`);
      else if (tsMs < 0 || tsMs > nowMs + maxAheadMs) {
        tallying.refuse("ahead", () => `${id} has a time that is not ours`);
      } else samples.push({ id, message: messageOf(tsMs, value, isImport) });
    }
  }
  tallying.samples = samples.length;
  return { samples, tally: tallying.tally };
}

function messageOf(tsMs: number, value: number, isImport: boolean): SampleMessage {
  return isImport ? [tsMs, tsMs, value, 1] : [tsMs, tsMs, value];
}
