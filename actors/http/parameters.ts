/** Query parameters that several routes have. They arrive as text; the schemas give values. */

import { z } from "zod";
import { parseTimeArgument } from "../sensors/timestamp.ts";
import type { HttpLimits } from "./limits.ts";

export const consistency = z.enum(["strict", "local", "cached"], {
  error: "it is strict, local or cached",
}).default("strict").meta({
  description:
    "strict reflects everything acknowledged before; local is what the actor's thread knows now; " +
    "cached an answer of the last seconds, or on Redis of the last minute, where there is one, else as local. " +
    "The latter two are faster and say which they are and how old.",
});

/** What changes with every message is not cached. */
export const uncachedConsistency = z.enum(["strict", "local"], { error: "it is strict or local" }).default(
  "strict",
)
  .meta({
    description:
      "strict reflects everything acknowledged before; local is what the actor's thread knows now.",
  });

/** Lists have no cache. */
export const listConsistency = z.enum(["strict", "local"], { error: "it is strict or local" }).default(
  "strict",
)
  .meta({
    description: "strict shows everything acknowledged before; local what is in the last checkpoints.",
  });

/** Digits only: what else `Number` reads, such as 1e2, 0x1f or nothing, is rather a mistake. */
export function wholeNumber(min: number, max: number) {
  const error = `it is a whole number from ${min} to ${max}`;
  const read = (text: unknown) => typeof text === "string" && /^[0-9]+$/.test(text) ? Number(text) : text;
  return z.preprocess(read, z.int({ error }).min(min, { error }).max(max, { error }));
}

export function page(limits: HttpLimits) {
  return {
    limit: wholeNumber(1, limits.maxPage).default(limits.defaultPage).meta({
      description: "Items of the page at most.",
    }),
    after: z.string().optional().meta({ description: "`next` of the page before." }),
  };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time: `5m`, `1h`, or milliseconds. */
export const durationMs = z.string().regex(/^\d{1,12}(ms|s|m|h|d)?$/, "it looks like 5m, 1h or 300000")
  .transform((text) => parseInt(text) * (unitMs[text.replace(/^\d+/, "")] ?? 1));

/** A point in time: epoch milliseconds or RFC 3339. */
export const instantMs = z.string().transform((text, context) => {
  const timeMs = parseTimeArgument(text);
  if (timeMs !== null) return timeMs;
  context.addIssue("it is epoch milliseconds or RFC 3339, such as 2026-01-31T12:00:00Z");
  return z.NEVER;
});
