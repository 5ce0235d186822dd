/**
 * Results as they stand in the topic: one JSON object a record, its key the series. Other programs may write them, too;
 * `README.md` documents them.
 *
 * 1. `id` names the result: of several records with the same id the first is stored.
 */

import { z } from "zod";
import { maxIdBytes, maxSeriesBytes } from "./limits.ts";

const number = z.number();
const time = z.int().min(0);

const utf8 = new TextEncoder();

/** What would not fit into its column would be cut off there, and taken for another one. */
function key(maxBytes: number) {
  return z.string().refine(
    (text) => text !== "" && text.isWellFormed() && utf8.encode(text).length <= maxBytes,
    `expected 1 to ${maxBytes} bytes of UTF-8`,
  );
}

const common = {
  v: z.literal(1),
  id: key(maxIdBytes),
  series: key(maxSeriesBytes),
  /** Of what moment it tells, epoch milliseconds. */
  at: time,
  /** How long it took to find out. */
  tookMs: number.min(0),
};

const spans = ["1h", "3h", "12h"] as const;

const WindowResult = z.object({
  from: time,
  to: time,
  count: z.int().min(0),
  max: number.nullable(),
  min: number.nullable(),
  avg: number.nullable(),
  /** Of a sample. */
  std: number.nullable(),
});

const finding = z.object({ known: z.boolean() }).loose();

const MetadataResult = z.looseObject({
  verdict: z.string(),
  autocorrelation: finding,
  stationarity: finding,
  seasonality: finding,
});

const Extreme = z.object({
  value: number,
  lower80: number,
  upper80: number,
  lower95: number,
  upper95: number,
});

const path = z.array(number).min(1).max(10_000);

const ForecastResult = z.looseObject({
  method: z.string(),
  startMs: time,
  stepMs: z.int().min(1),
  path,
  lower80: path,
  upper80: path,
  lower95: path,
  upper95: path,
  max: Extreme,
  min: Extreme,
  avg: Extreme,
});

export const Result = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("values"), ...common, windows: z.partialRecord(z.enum(spans), WindowResult) }),
  z.object({ kind: z.literal("metadata"), ...common, metadata: MetadataResult }),
  z.object({ kind: z.literal("forecast"), ...common, forecast: ForecastResult }),
]);
export type Result = z.output<typeof Result>;
export type ResultKind = Result["kind"];

/** A record that can be stored, or why not. */
export type ParsedResult =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly reason: string };

export function parseResult(text: string): ParsedResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: "it is not JSON" };
  }
  const parsed = Result.safeParse(value);
  if (parsed.success) return { ok: true, result: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, reason: `${issue?.path.join(".") || "it"}: ${issue?.message}` };
}
