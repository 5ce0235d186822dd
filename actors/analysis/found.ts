/** What the service `analysis` is asked, and what it answers. */

import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";

const json: z.ZodType<Json> = z.json();

const request = { series: z.string(), atMs: z.number() };

export const AnalysisRequest = z.discriminatedUnion("task", [
  z.strictObject({ task: z.literal("values"), ...request }),
  z.strictObject({ task: z.literal("metadata"), ...request }),
  z.strictObject({ task: z.literal("forecast"), ...request, horizonMs: z.number(), memory: json }),
]);
export type AnalysisRequest = z.infer<typeof AnalysisRequest>;

export const FoundAnalysis = z.strictObject({
  /** When it was asked for: what is newer was not seen, or seen in part. */
  atMs: z.number(),
  /** Reading, waiting for a thread, and computing. */
  tookMs: z.number(),
  /** Left out when too little is known. */
  found: json.exactOptional(),
  /** Why so: "not enough information because …". */
  unknown: z.string().exactOptional(),
  /** To be given back with the next request of this task. */
  memory: json.exactOptional(),
  /** How an earlier forecast did. */
  judgement: json.exactOptional(),
});
export type FoundAnalysis = z.infer<typeof FoundAnalysis>;
