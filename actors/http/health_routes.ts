/** What an operator's machines ask: alive? ready? which figures? */

import type { Engine } from "../../runtime/node/engine.ts";
import { jsonResponse } from "./json_response.ts";
import { ProblemError } from "./problem.ts";
import { noQuery, type Route, route } from "./route.ts";
import { Health, Ready } from "./schemas.ts";

export interface HealthContext {
  readonly engine: Engine;
  /** The product's own metrics as Prometheus text; the engine's stand beside them. */
  readonly productMetrics: () => Promise<string>;
}

const metricsType = "text/plain; version=0.0.4; charset=utf-8";

export function healthRoutes(context: HealthContext): Route[] {
  return [livenessRoute(), readinessRoute(context), metricsRoute(context)];
}

function livenessRoute(): Route {
  return route({
    method: "get",
    path: "/healthz",
    operationId: "get-health",
    tag: "operation",
    summary: "Answers while the process lives.",
    access: "open",
    segments: {},
    query: noQuery,
    success: { status: 200, description: "It lives.", mediaType: "application/json", schema: Health },
    problems: [],
    answer: () => jsonResponse({ status: "ok" }),
  });
}

function readinessRoute({ engine }: HealthContext): Route {
  return route({
    method: "get",
    path: "/readyz",
    operationId: "get-readiness",
    tag: "operation",
    summary: "Whether every shard folds.",
    access: "open",
    segments: {},
    query: noQuery,
    success: { status: 200, description: "Every shard folds.", mediaType: "application/json", schema: Ready },
    problems: ["starting"],
    answer: () => {
      const { ready, waitingFor } = engine.status();
      if (ready) return jsonResponse({ status: "ready" });
      throw new ProblemError("starting", waitingFor ?? "Shards are being claimed.", {
        headers: { "retry-after": "1" },
        members: { waitingFor },
      });
    },
  });
}

function metricsRoute({ engine, productMetrics }: HealthContext): Route {
  return route({
    method: "get",
    path: "/metrics",
    operationId: "get-metrics",
    tag: "operation",
    summary: "Metrics of all threads, as Prometheus text.",
    access: "token",
    segments: {},
    query: noQuery,
    success: { status: 200, description: "The metrics.", mediaType: metricsType, schema: null },
    problems: [],
    answer: async () => {
      const texts = await Promise.all([engine.metrics(), productMetrics()]);
      const text = texts.map((part) => part.trimEnd()).filter((part) => part !== "").join("\n") + "\n";
      return new Response(text, { headers: { "content-type": metricsType, "cache-control": "no-store" } });
    },
  });
}
