/** What every way of answering a request has in common. */

import { failureProblem, type LogFailure } from "./failure.ts";
import type { BodyRests } from "./body_rests.ts";
import type { LargeAnswers } from "./large_answers.ts";
import type { HttpMetrics } from "./metrics.ts";
import { problemResponse } from "./problem.ts";

/** What is known of a request besides itself. */
export interface Connection {
  readonly remoteAddr: Deno.Addr;
}

export type Fetch = (request: Request, connection?: Connection) => Response | Promise<Response>;

export interface Shared {
  readonly token: string | null;
  readonly log: LogFailure;
  readonly metrics: HttpMetrics;
  readonly answers: LargeAnswers;
  readonly rests: BodyRests;
  answered(request: Request, path: string, status: number): void;
}

/** The answer to what was thrown. */
export function failed(thrown: unknown, request: Request, { log, metrics }: Shared): Response {
  const problem = failureProblem(thrown, request, log);
  metrics.refused(problem.code);
  return problemResponse(problem);
}
