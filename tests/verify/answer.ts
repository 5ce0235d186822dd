/** The part of the answer of `GET /sensors/{id}/windows` that is verified, as this suite understands it. */

import { z } from "zod";

const value = z.number().nullish().transform((value) => value ?? null);

const windowSchema = z.object({
  from: z.number(),
  to: z.number(),
  count: z.number(),
  min: value,
  max: value,
  mean: value,
  stdSample: value,
  stdPopulation: value,
});

export const answerSchema = z.object({
  id: z.string(),
  total: z.record(z.string(), z.object({ count: z.number(), sum: z.number() })),
  channels: z.record(z.string(), z.record(z.string(), windowSchema)),
});

export type WindowAnswer = z.infer<typeof windowSchema>;
export type SensorAnswer = z.infer<typeof answerSchema>;
