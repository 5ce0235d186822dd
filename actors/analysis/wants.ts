/** What rules want of a series' analysis, and what that comes to for all of them together. */

import { z } from "zod";
import {
  defaultHorizonMs,
  maxEveryMs,
  maxHorizonMs,
  maxScheduledHorizonMs,
  minEveryMs,
  stepMs,
} from "./limits.ts";

const everyMs = z.number().int().min(minEveryMs).max(maxEveryMs);

/** What is done on a schedule of its own. */
export const tasks = ["values", "metadata", "forecast"] as const;
export type Task = (typeof tasks)[number];

export const wants = z.strictObject({
  /** Windows as results. */
  values: z.strictObject({ everyMs }).exactOptional(),
  metadata: z.strictObject({ everyMs }).exactOptional(),
  forecast: z.strictObject({ everyMs, horizonMs: z.number().int().min(stepMs).max(maxHorizonMs) })
    .exactOptional(),
});
export type Wants = z.infer<typeof wants>;

/** How often at least: as the most demanding rule wants it; null when none does. */
export function intervalMs(rules: readonly Wants[], task: Task): number | null {
  const intervals = rules.flatMap((rule) => rule[task]?.everyMs ?? []);
  return intervals.length === 0 ? null : Math.min(...intervals);
}

/** How far ahead: as the rule that looks furthest, and no further than a schedule can. */
export function horizonMs(rules: readonly Wants[]): number {
  const horizons = rules.flatMap((rule) => rule.forecast?.horizonMs ?? []);
  return horizons.length === 0 ? defaultHorizonMs : Math.min(maxScheduledHorizonMs, Math.max(...horizons));
}
