/** Tells of every request, for whoever debugs a client. */

import type { Fetch } from "./shared.ts";
import { rawPath } from "./request_url.ts";

export interface AnsweredRequest {
  readonly method: string;
  /** Without parameters: a link may carry the token in one. */
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
}

export type TellRequest = (sentence: string, facts: AnsweredRequest) => void;

export function withRequestLog(fetch: Fetch, tell: TellRequest, nowMs: () => number): Fetch {
  return async (request, connection) => {
    const startMs = nowMs();
    const response = await fetch(request, connection);
    const { method } = request;
    const { status } = response;
    const path = rawPath(request);
    const durationMs = Math.round((nowMs() - startMs) * 10) / 10;
    tell(`${method} ${path} was answered with ${status} in ${durationMs} ms.`, {
      method,
      path,
      status,
      durationMs,
    });
    return response;
  };
}
