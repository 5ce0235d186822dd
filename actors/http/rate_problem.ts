/** What a client is told that sends or asks too much. */

import { ProblemError } from "./problem.ts";

/** As `Retry-After` says it. */
export function waitSeconds(waitMs: number): number {
  return Math.max(1, Math.ceil(waitMs / 1000));
}

export function rateProblem(
  detail: string,
  waitMs: number,
  members: Readonly<Record<string, unknown>> = {},
): ProblemError {
  return new ProblemError("rate-limited", detail, {
    headers: { "retry-after": String(waitSeconds(waitMs)) },
    members,
  });
}
