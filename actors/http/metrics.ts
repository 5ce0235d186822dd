/** Metrics of the HTTP edge, in the product's prom-client registry. Labels are routes and codes, never ids. */

import { Counter, type Registry } from "../../runtime/prom_client.ts";
import { type ProblemCode, problemKinds, type Rejection, rejectionCodes } from "./problem.ts";

export interface HttpMetrics {
  /** Items of one body. */
  items(kind: string, accepted: number, rejected: readonly Pick<Rejection, "code">[]): void;
  /** `route`: a path as the OpenAPI document writes it. */
  answered(route: string, status: number): void;
  /** A request met a problem; counted when a later one may not. */
  refused(code: ProblemCode): void;
}

/** Those of a moment: too much, not yet, not any more, no room. */
const passingStatuses: readonly number[] = [429, 503, 507];
const passing = new Set(
  Object.entries(problemKinds)
    .filter(([, { status }]) => passingStatuses.includes(status))
    .map(([code]) => code),
);

export function createHttpMetrics(registry: Registry, kinds: readonly string[]): HttpMetrics {
  const accepted = new Counter({
    name: "sensorium_http_items_accepted_total",
    help: "Items of bodies that were made durable, by the kind of actor they go to.",
    labelNames: ["kind"],
    registers: [registry],
  });
  const refused = new Counter({
    name: "sensorium_http_items_rejected_total",
    help: "Items of bodies that were refused, by the kind of actor and the reason.",
    labelNames: ["kind", "reason"],
    registers: [registry],
  });
  const answers = new Counter({
    name: "sensorium_http_requests_total",
    help: "Requests answered, by route and status.",
    labelNames: ["route", "status"],
    registers: [registry],
  });
  const refusals = new Counter({
    name: "sensorium_http_refusals_total",
    help: "Requests refused that may be repeated later (429, 503, 507), by the problem's code.",
    labelNames: ["reason"],
    registers: [registry],
  });
  // A rate needs its zero: a series that appears with its first event hides that event.
  for (const kind of kinds) {
    accepted.inc({ kind }, 0);
    for (const reason of rejectionCodes) refused.inc({ kind, reason }, 0);
  }
  for (const reason of passing) refusals.inc({ reason }, 0);
  return {
    items(kind, count, rejected) {
      accepted.inc({ kind }, count);
      for (const { code } of rejected) refused.inc({ kind, reason: code });
    },
    answered: (route, status) => answers.inc({ route, status: String(status) }),
    refused: (reason) => passing.has(reason) && refusals.inc({ reason }),
  };
}
