/** What a person writes of a rule: which series, and what is to be done with them. */

import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { duration, durationMs } from "../config/duration.ts";
import { selector } from "../series/selector.ts";
import { defaultRuleSeries, maxRuleSeries } from "./limits.ts";

/** What can be done with a series. */
const doings = ["rate", "values", "metadata", "forecast", "anomalies"] as const;
type Doing = typeof doings[number];

const doing = z.enum(doings, { error: `one of ${doings.join(", ")} is needed` });

const listError = `a list of what to do is needed: each of ${doings.join(", ")} at most once`;
const maxError = `a whole number from 1 to ${maxRuleSeries} is needed`;
const analysed = duration("10s", "24h");

export const RuleSpec = z.strictObject({
  match: selector.meta({
    description: "Which series: a selector as PromQL writes them.",
    examples: ['{__name__=~"node_.*_total",mode!="idle"}'],
  }),
  do: z.array(doing, { error: listError }).min(1, { error: listError })
    .refine((all) => new Set(all).size === all.length, { error: listError })
    .meta({
      description:
        "rate: also how much a counter grows a second, of which all the rest is then; of counters alone, as a gauge that " +
        "falls counts as a reset. values: windows as results. metadata, forecast: found out on " +
        "schedule. anomalies: a score with every value.",
    }),
  max: z.int({ error: maxError }).min(1, { error: maxError }).max(maxRuleSeries, { error: maxError })
    .prefault(defaultRuleSeries)
    .meta({ description: "Series at most; those that match beyond are counted." }),
  every: z.strictObject({
    look: duration("1s", "24h").prefault("1m").meta({ description: "How often series are looked for." }),
    values: analysed.prefault("1m"),
    metadata: analysed.prefault("15m"),
    forecast: analysed.prefault("1m"),
  }, { error: "an object of times is needed" }).prefault({}),
  horizon: duration("1m", "6h").prefault("10m").meta({
    description: "How far forecasts reach; up to a day further ones can be asked for.",
  }),
}, { error: "an object with match and do is needed" }).meta({ id: "RuleSpec" });

export type RuleSpec = z.output<typeof RuleSpec>;

/** What a rule wants of a series, in messages to `series/<id>` and `analysis/<id>`; empty: nothing. */
export interface Wants {
  readonly select: { readonly [what in "rate" | "anomalies"]?: true };
  readonly analyse: { readonly [what in "values" | "metadata" | "forecast"]?: Json };
}

export const nothing: Wants = { select: {}, analyse: {} };

export function wantsOf({ do: all, every, horizon }: RuleSpec): Wants {
  const of = (doing: Doing) => all.includes(doing);
  const everyMs = (what: "values" | "metadata" | "forecast") => durationMs(every[what]);
  return {
    select: { ...of("rate") && { rate: true }, ...of("anomalies") && { anomalies: true } },
    analyse: {
      ...of("values") && { values: { everyMs: everyMs("values") } },
      ...of("metadata") && { metadata: { everyMs: everyMs("metadata") } },
      ...of("forecast") && {
        forecast: { everyMs: everyMs("forecast"), horizonMs: durationMs(horizon) },
      },
    },
  };
}

/** Whether it comes to anything. */
export function isWanted(part: Wants[keyof Wants]): boolean {
  return Object.keys(part).length > 0;
}

/** What a series is told when a rule selects it, and its analysis. */
export function messagesFor({ select, analyse }: Wants, by: string) {
  return [
    ...isWanted(select) ? [{ kind: "series", message: { select, by } }] : [],
    ...isWanted(analyse) ? [{ kind: "analysis", message: { analyse, by } }] : [],
  ];
}
