/** Lengths of time as people write them into a configuration: `15s`, `1m`, `24h`, `7d`. */

import { z } from "zod";

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const form = /^(\d{1,9})([smhd])$/;

/** In milliseconds; NaN when it is none. */
export function durationMs(text: string): number {
  const [, count = "", unit = ""] = form.exec(text) ?? [];
  return count === "" ? NaN : Number(count) * (unitMs[unit] ?? NaN);
}

/** The text of a length from `shortest` to `longest`. */
export function duration(shortest: string, longest: string): z.ZodString {
  const error = `a time from ${shortest} to ${longest}, such as ${shortest}, is needed`;
  const [minMs, maxMs] = [durationMs(shortest), durationMs(longest)];
  const isWithin = (text: string) => durationMs(text) >= minMs && durationMs(text) <= maxMs;
  return z.string({ error }).regex(form, { error }).refine(isWithin, { error });
}
