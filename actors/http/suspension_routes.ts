/** Actors that threw too often and take no messages: listed, resumed. */

import { z } from "zod";
import type { CollectionContext } from "./collection_routes.ts";
import { keyText, readKey } from "./intake.ts";
import { jsonResponse } from "./json_response.ts";
import { gatherDeadlineMs } from "./limits.ts";
import { page } from "./parameters.ts";
import { durableProblems } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { Resumed, SuspendedActors } from "./schemas.ts";

export function suspensionRoutes(context: CollectionContext): Route[] {
  return [listRoute(context), resumeRoute(context)];
}

function listRoute({ engine, limits }: CollectionContext): Route {
  return route({
    method: "get",
    path: "/suspended",
    operationId: "list-suspended",
    tag: "actors",
    summary: "Lists the suspended actors by kind and id.",
    description:
      "An actor that throws too often is suspended: its messages wait, and later ones become dead letters. " +
      "The list is up to a second old and has at most 1000 actors of each shard. All nodes are asked; `missing` " +
      "names those that did not answer.",
    access: "token",
    segments: {},
    query: z.strictObject(page(limits)),
    success: { status: 200, description: "A page.", mediaType: "application/json", schema: SuspendedActors },
    problems: [],
    answer: async ({ limit, after = "" }) => {
      const { items, next, missing } = await engine.suspended(after, limit, gatherDeadlineMs);
      const shown = items.map(({ kind, id, sinceMs }) => ({ kind, id, since: sinceMs }));
      return jsonResponse({ items: shown, next, missing });
    },
  });
}

function resumeRoute({ engine, limits }: CollectionContext): Route {
  return route({
    method: "post",
    path: "/actors/{kind}/{id}/resume",
    operationId: "resume-actor",
    tag: "actors",
    summary: "Ends an actor's suspension.",
    description:
      "202 means: durable. The actor then takes its messages again, those first that waited. One that is not " +
      "suspended is left as it is. If it throws on, it is suspended again.",
    access: "token",
    segments: { kind: "The actor's kind.", id: "The actor's id, percent-encoded." },
    query: z.strictObject({
      parked: z.enum(["replay", "discard"], { error: "it is replay or discard" }).default("replay").meta({
        description: "What becomes of the messages that wait: folded, or put among the dead letters.",
      }),
    }),
    headers: {
      "Idempotency-Key": keyText(limits.maxKeyBytes).meta({
        description: "A repeat under the same key within 10 minutes changes nothing.",
      }),
    },
    success: {
      status: 202,
      description: "The end of the suspension is durable.",
      mediaType: "application/json",
      schema: Resumed,
    },
    problems: ["bad-id", "bad-key", ...durableProblems],
    answer: async ({ parked }, { request, segments: { kind = "", id = "" } }) => {
      const key = readKey(request.headers.get("idempotency-key"), limits.maxKeyBytes);
      const control = parked === "replay" ? "resume" : "discard";
      await engine.resume({ kind, id }, control, ...key === null ? [] : [key]);
      return jsonResponse({ parked }, 202);
    },
  });
}
