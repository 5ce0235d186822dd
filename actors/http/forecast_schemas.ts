/** A forecast as it is answered. */

import { z } from "zod";
import { seriesChannels } from "../series/channels.ts";
import { timeMs } from "./schema_parts.ts";

const channel = z.enum(seriesChannels);

export const Judgement = z.object({
  startMs: timeMs.meta({ description: "Of the forecast that was judged." }),
  method: z.string(),
  channel: channel.exactOptional().meta({ description: "Of it; judgements of earlier versions name none." }),
  steps: z.int().meta({ description: "Of it that have values by now." }),
  meanError: z.number(),
  inside80: z.number().meta({ description: "Share of the values that lay inside its 80 % intervals." }),
  inside95: z.number(),
}).meta({ id: "Judgement", description: "How an earlier forecast did against what came." });

const Extreme = z.object({
  value: z.number(),
  lower95: z.number(),
  lower80: z.number(),
  upper80: z.number(),
  upper95: z.number(),
});

const steps = z.array(z.number());
const measure = z.number().nullable();

const Forecast = z.object({
  channel: channel.meta({
    description: "What is forecast: `rate` while a rule wants the series' rate, `value` otherwise.",
  }),
  method: z.string().meta({ description: "One, or several with their weights." }),
  startMs: timeMs,
  stepMs: z.int(),
  path: steps,
  lower80: steps,
  upper80: steps,
  lower95: steps,
  upper95: steps,
  max: Extreme,
  min: Extreme,
  avg: Extreme,
  testedSteps: z.int().meta({
    description: "Steps that the back-test forecast at a time; 0: there was too little for one.",
  }),
  mase: measure.meta({ description: "In the back-test; null when it had fewer steps than the path." }),
  coverage80: measure.meta({ description: "The same of what came inside the intervals." }),
  coverage95: measure,
  failed: z.int().meta({ description: "Methods whose numbers ran away in the back-test." }),
  fallbacks: z.array(z.string()).meta({ description: "Chosen methods that failed now: others did without." }),
  fittedAtMs: timeMs,
  lastJudgement: Judgement.nullable().meta({
    description: "Of the last scheduled forecast whose horizon was over when this one was made.",
  }),
}).meta({ id: "Forecast" });

export const ForecastNow = z.object({
  id: z.string(),
  forecast: Forecast.nullable().meta({ description: "Null when too little is known." }),
  missing: z.string().nullable().meta({ description: "What is missing then, as a sentence." }),
  judgements: z.array(Judgement).meta({ description: "How the last scheduled forecasts did, oldest first." }),
}).meta({ id: "ForecastNow" });
