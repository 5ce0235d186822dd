/** Actors of any kind, by kind, id and the name of a query; and what there is of them. */

import { z } from "zod";
import { type CollectionContext, readProblems } from "./collection_routes.ts";
import { jsonResponse } from "./json_response.ts";
import { consistency } from "./parameters.ts";
import type { ReadAnswer } from "./reader.ts";
import { type Route, route } from "./route.ts";
import { ActorAnswer, Actors } from "./schemas.ts";

export function actorRoutes({ engine, store, reader }: CollectionContext): Route[] {
  return [
    route({
      method: "get",
      path: "/actors",
      operationId: "list-kinds",
      tag: "actors",
      summary: "How many actors of each kind there are, how their shards are, and the node's threads.",
      access: "token",
      segments: {},
      query: z.strictObject({}),
      success: {
        status: 200,
        description: "Counts are of the last checkpoints.",
        mediaType: "application/json",
        schema: Actors,
      },
      problems: ["stopping", "unavailable", "no-answer-in-time"],
      answer: async () =>
        jsonResponse({
          kinds: await store.countActors(),
          shards: engine.status().shards,
          tree: engine.tree(),
        }),
    }),
    route({
      method: "get",
      path: "/actors/{kind}/{id}",
      operationId: "ask-actor",
      tag: "actors",
      summary: "Asks an actor.",
      description: "Parameters beside those below are the query's own arguments.",
      access: "token",
      segments: { kind: "The actor's kind.", id: "The actor's id, percent-encoded." },
      query: z.object({
        query: z.string().default("state").meta({ description: "Name of a query of this kind." }),
        consistency,
      }).catchall(z.string()),
      success: {
        status: 200,
        description: "What the query answers.",
        mediaType: "application/json",
        schema: ActorAnswer,
      },
      problems: [...readProblems, "unknown-query", "bad-query"],
      answer: async ({ query, consistency, ...args }, { segments: { kind = "", id = "" } }) => {
        const read = await reader.read({ kind, id }, query, args, consistency);
        const { epoch, position, value, suspended, age } = read;
        return jsonResponse({ kind, id, query, epoch, position, answer: value, ...shown(suspended), ...age });
      },
    }),
  ];
}

function shown(suspended: ReadAnswer["suspended"]): object {
  if (suspended === undefined) return {};
  if (suspended === null) return { suspended };
  const { sinceMs: since, detail, parked } = suspended;
  return { suspended: { since, detail, parked } };
}
