/** What became of every body: what a verifier needs, besides the plan, to know what the server must have. */

import type { Plan } from "./plan.ts";
import type { StreamName } from "./stream.ts";

/** A body's lane and number within the lane. */
export interface BodyPlace {
  readonly lane: number;
  readonly body: number;
}

export interface StreamLedger {
  readonly plan: Plan;
  readonly stream: StreamName;
  /** Per lane: this many first bodies are settled, by an answer or by being listed below. */
  readonly settled: readonly number[];
  /** Refused as a whole, for good. */
  readonly refused: readonly BodyPlace[];
  /** Sent, and nobody knows what became of them: the run was stopped. */
  readonly unanswered: readonly BodyPlace[];
  /** Items that the answer to an accepted body refused, by their index in the body. */
  readonly rejected: readonly (BodyPlace & { readonly index: number })[];
}
