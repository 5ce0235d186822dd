/** Tells of every request, for whoever debugs a client. */

import type { ComponentLog } from "../cli/logger.ts";
import type { Fetch } from "./app.ts";
import { rawPath } from "./request_url.ts";

/** Parameters are left out: a link may carry the token in one. */
export function withRequestLog(fetch: Fetch, log: ComponentLog, nowMs: () => number): Fetch {
  return async (request) => {
    const startMs = nowMs();
    const response = await fetch(request);
    const { method } = request;
    const { status } = response;
    const path = rawPath(request);
    const durationMs = Math.round((nowMs() - startMs) * 10) / 10;
    log.debug("request", `${method} ${path} was answered with ${status} in ${durationMs} ms.`, {
      fields: { method, path, status, durationMs },
    });
    return response;
  };
}
