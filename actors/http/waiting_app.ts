/**
 * What a node answers while it starts: that it lives, and what it waits for.
 *
 * Servers that it needs may be away for long, and whoever watches it must be able to tell that from a node that hangs.
 */

import { jsonResponse } from "./json_response.ts";
import { ProblemError, problemResponse } from "./problem.ts";

/** @param waitingFor what for, as a sentence; null: it starts. */
export function waitingFetch(waitingFor: () => string | null): (request: Request) => Response {
  return (request) => {
    if (new URL(request.url).pathname === "/healthz") return jsonResponse({ status: "ok" });
    const found = waitingFor();
    return problemResponse(
      new ProblemError("starting", found ?? "The node is starting.", {
        headers: { "retry-after": "1" },
        members: { waitingFor: found },
      }),
    );
  };
}
