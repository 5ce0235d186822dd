/** What a source asks the service `scrape`, and what that answers: never samples, which go to their series. */

import { z } from "zod";
import { examplesPerReason, maxExampleUnits } from "./limits.ts";
import { ReadSpec } from "./source_spec.ts";

/** The samples of a server that are asked for: from the first to the last, both included, epoch milliseconds. */
const Range = z.strictObject({ fromMs: z.int(), toMs: z.int(), isImport: z.boolean() });
export type Range = z.infer<typeof Range>;

export const ScrapeRequest = z.strictObject({
  spec: ReadSpec,
  /** Null for a target. */
  range: Range.nullable(),
  /** The last one failed: nothing new if this one does. */
  isFailing: z.boolean(),
});
export type ScrapeRequest = z.infer<typeof ScrapeRequest>;

/** Why samples or lines did not become values of series. */
export const refusals = [
  /** Series beyond `max`. */
  "beyond",
  /** Their names and labels make no id. */
  "invalid",
  "broken",
  /** NaN or an infinity. */
  "notFinite",
  /** Of a series that was there before in the same answer. */
  "duplicate",
  /** Their time is that of the last sample. */
  "repeated",
  /** Their time is before that of the last sample. */
  "backwards",
  /** Their time is too far ahead of ours. */
  "ahead",
] as const;
export type Refused = typeof refusals[number];

const count = z.int().min(0);

export const Tally = z.strictObject({
  /** Sent to series. */
  samples: count,
  /** Taken: as many as `max` at most. */
  series: count,
  /** That no selector takes. */
  unmatched: count,
  refused: z.record(z.enum(refusals), count),
  /** Series that were there the last time, and are not now. */
  stale: count,
  /** Counters that are below what they were the last time. */
  resets: count,
  /** Of what was refused, sentences. */
  examples: z.array(z.string()),
});
export type Tally = z.infer<typeof Tally>;

/** Why nothing was read, by what mends it. */
export const failureCodes = [
  "timeout",
  "unreachable",
  "status",
  "too-large",
  "not-metrics",
  "token",
  /** Many large answers at a time; or the node does not take the samples. */
  "overloaded",
] as const;
export type FailureCode = typeof failureCodes[number];

const Failure = z.strictObject({ code: z.enum(failureCodes), sentence: z.string() });
export type Failure = z.infer<typeof Failure>;

export const ScrapeAnswer = z.strictObject({
  atMs: z.number(),
  tookMs: z.number(),
  bytes: count,
  ...Tally.shape,
  failure: Failure.nullable(),
});
export type ScrapeAnswer = z.infer<typeof ScrapeAnswer>;

/** Counts what becomes of the samples of one answer. */
export class Tallying {
  samples = 0;
  series = 0;
  unmatched = 0;
  stale = 0;
  resets = 0;
  readonly #refused: Record<Refused, number> = {
    beyond: 0,
    invalid: 0,
    broken: 0,
    notFinite: 0,
    duplicate: 0,
    repeated: 0,
    backwards: 0,
    ahead: 0,
  };
  readonly #examples: string[] = [];

  /** @param example a sentence; called only for the first ones of each reason, so that none hides the others */
  refuse(why: Refused, example: () => string): void {
    if (this.#refused[why]++ >= examplesPerReason) return;
    const text = example();
    this.#examples.push(text.length <= maxExampleUnits ? text : `${text.slice(0, maxExampleUnits)}…`);
  }

  get tally(): Tally {
    const { samples, series, unmatched, stale, resets } = this;
    return {
      samples,
      series,
      unmatched,
      refused: { ...this.#refused },
      stale,
      resets,
      examples: [...this.#examples],
    };
  }
}
