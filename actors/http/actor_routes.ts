/** Actors of any kind, by kind, id and the name of a query; and what there is of them. */

import { z } from "zod";
import { maxTracedMessages } from "../../runtime/core/limits.ts";
import type { TracedMessage } from "../../runtime/core/trace.ts";
import { type CollectionContext, readProblems } from "./collection_routes.ts";
import { sensors } from "./collections.ts";
import { jsonResponse } from "./json_response.ts";
import { consistency, uncachedConsistency, wholeNumber } from "./parameters.ts";
import type { ReadAnswer } from "./reader.ts";
import { type Route, route } from "./route.ts";
import { Trace } from "./inside_schemas.ts";
import { ActorAnswer, Actors } from "./schemas.ts";

const anActor = { kind: sensors.type.kind, id: sensors.idExample };

export function actorRoutes(context: CollectionContext): Route[] {
  const { engine, store, reader } = context;
  return [
    route({
      method: "get",
      path: "/actors",
      operationId: "list-kinds",
      tag: "actors",
      summary: "How many actors of each kind there are, how their shards are, and the live tree of threads.",
      description:
        "Of each thread: restarts, its last error, the shards it folds with what waits for them, and " +
        "the turn that it has been in for a tenth of a second or longer. What hosts report is up to that old. " +
        "Shards and threads are those of the node that answers; `/cluster` tells of all nodes.",
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
      segmentExamples: anActor,
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
    traceRoute(context),
  ];
}

function traceRoute({ reader }: CollectionContext): Route {
  return route({
    method: "get",
    path: "/actors/{kind}/{id}/trace",
    operationId: "trace-actor",
    tag: "actors",
    summary: "An actor's last messages, and what became of them.",
    description:
      "The first request starts the recording, which ends 10 minutes after the last, and when the " +
      "actor's thread dies. Until then it answers with what the newest frames of the log had for the actor.",
    access: "token",
    segments: { kind: "The actor's kind.", id: "The actor's id, percent-encoded." },
    segmentExamples: anActor,
    query: z.strictObject({
      limit: wholeNumber(1, maxTracedMessages).default(maxTracedMessages).meta({
        description: "Messages at most.",
      }),
      consistency: uncachedConsistency,
    }),
    success: { status: 200, description: "The messages.", mediaType: "application/json", schema: Trace },
    problems: [...readProblems, "unknown-query"],
    answer: async ({ limit, consistency }, { segments: { kind = "", id = "" } }) => {
      const { epoch, position, value, age } = await reader.trace({ kind, id }, limit, consistency);
      const messages = value.messages.map(tracedMessage);
      return jsonResponse({ kind, id, epoch, position, since: value.sinceMs, messages, ...age });
    },
  });
}

function tracedMessage(
  { offset, index, step, timer, atMs, sender, message, outcome }: TracedMessage,
): z.infer<typeof Trace>["messages"][number] {
  const place = { offset, index, step, timer: timer === "" ? null : timer };
  return { atMs, place, sender, message, outcome };
}

function shown(suspended: ReadAnswer["suspended"]): object {
  if (suspended === undefined) return {};
  if (suspended === null) return { suspended };
  const { sinceMs: since, detail, parked } = suspended;
  return { suspended: { since, detail, parked } };
}
