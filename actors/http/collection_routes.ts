/** The routes of one kind of actor that has windows: lists, states, windows, history; and its way in. */

import { z } from "zod";
import type { Deadlines } from "../../runtime/node/deadlines.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { timeArgumentShape } from "../sensors/timestamp.ts";
import type { Bodies } from "./bodies.ts";
import { csvMediaType, csvResponse, csvText, wantsCsv } from "./csv.ts";
import { historyRoute } from "./history_route.ts";
import { type Intake, type ItemType, keyText } from "./intake.ts";
import { jsonResponse, splicedResponse } from "./json_response.ts";
import type { HttpLimits } from "./limits.ts";
import { consistency, instantMs, listConsistency, page } from "./parameters.ts";
import { askProblems, bodyProblems, durableProblems, type ProblemCode } from "./problem.ts";
import type { ActorReader } from "./reader.ts";
import { type Route, route } from "./route.ts";
import { Accepted, Page, State, Windows } from "./schemas.ts";
import type { StoreReads } from "./store_reads.ts";
import { windowColumns, windowRows } from "./tables.ts";

/** A kind of actor under a path of its own. */
export interface Collection {
  readonly type: ItemType;
  /** First segment of its paths: `sensors`. */
  readonly path: string;
  /** Where its items are posted. */
  readonly intakePath: string;
  readonly noun: string;
  readonly itemNoun: string;
  readonly itemSchema: z.ZodType;
  readonly itemExample: unknown;
  /** Whose item that is. */
  readonly idExample: string;
}

export interface CollectionContext {
  readonly engine: Engine;
  readonly bodies: Bodies;
  readonly store: StoreReads;
  /** Of what the store does. */
  readonly deadlines: Deadlines;
  readonly reader: ActorReader;
  readonly limits: HttpLimits;
}

/** Of an actor that is read. */
export const readProblems: readonly ProblemCode[] = ["bad-id", "unknown-actor", ...askProblems];

export function collectionRoutes(collection: Collection, context: CollectionContext): Route[] {
  return [
    listRoute(collection, context),
    stateRoute(collection, context),
    windowsRoute(collection, context),
    historyRoute(collection, context),
  ];
}

export function intakeRoute(collection: Collection, intake: Intake, limits: HttpLimits): Route {
  const { type, intakePath, itemNoun, itemSchema, itemExample } = collection;
  return route({
    method: "post",
    path: `/${intakePath}`,
    operationId: `post-${intakePath}`,
    tag: collection.path,
    summary: `Takes ${itemNoun}s in.`,
    description: `One ${itemNoun}, an array of them, or NDJSON; at most ${limits.maxBodyItems} of them and ` +
      `${limits.maxBodyBytes} bytes, before and after \`Content-Encoding: gzip\`. 202 means: durable. Good items ` +
      "are kept, bad ones are named by their place. To repeat a body whose answer was lost without counting it " +
      "twice, send it under the same Idempotency-Key. " + rateText(limits, itemNoun),
    access: "token",
    segments: {},
    query: z.strictObject({
      import: z.enum(["0", "1", "false", "true"]).optional().meta({
        description: `1 marks ${itemNoun}s as history, which is never late.`,
      }),
    }),
    headers: {
      "Idempotency-Key": keyText(limits.maxKeyBytes).meta({
        description: "Names the body: a repeat under the same key within 10 minutes changes nothing.",
      }),
    },
    body: {
      description: `Good and bad ${itemNoun}s may be mixed.`,
      schemas: {
        "application/json": z.union([itemSchema, z.array(itemSchema)]),
        "application/x-ndjson": z.string().meta({ description: `One ${itemNoun} a line.` }),
      },
      example: itemExample,
    },
    success: {
      status: 202,
      description: "Every accepted item is durable.",
      mediaType: "application/json",
      schema: Accepted,
    },
    problems: [
      ...bodyProblems,
      "nothing-accepted",
      "bad-key",
      ...durableProblems,
    ],
    // Requests for it are answered before they come to a route.
    answer: (_query, { request, visit }) => intake.accept(request, type, visit),
  });
}

function rateText({ maxRatePerId }: HttpLimits, itemNoun: string): string {
  return maxRatePerId === null
    ? ""
    : `One id may send ${maxRatePerId} ${itemNoun}s a second, history apart: more are refused, item by item, ` +
      "or the whole body where it has a key; 429 when nothing is left of it.";
}

function listRoute({ type, path, noun }: Collection, { engine, store, limits }: CollectionContext): Route {
  return route({
    method: "get",
    path: `/${path}`,
    operationId: `list-${path}`,
    tag: path,
    summary: `Lists the ${path} by id.`,
    access: "token",
    segments: {},
    query: z.strictObject({ ...page(limits), consistency: listConsistency }),
    success: {
      status: 200,
      description: `A page of every ${noun} that ever had a message.`,
      mediaType: "application/json",
      schema: Page,
    },
    problems: ["starting", "stopping", "unavailable", "no-answer-in-time"],
    answer: async ({ limit, after, consistency }) => {
      if (consistency === "strict") await engine.flush(limits.askDeadlineMs);
      const { ids, next } = await store.list(type.kind, after ?? null, limit);
      return jsonResponse({ items: ids.map((id) => ({ id })), next });
    },
  });
}

function stateRoute({ type, path, noun, idExample }: Collection, { reader }: CollectionContext): Route {
  return route({
    method: "get",
    path: `/${path}/{id}`,
    operationId: `get-${path}-state`,
    tag: path,
    summary: `The state of a ${noun}.`,
    access: "token",
    segments: { id: `The ${noun}'s id, percent-encoded.` },
    segmentExamples: { id: idExample },
    query: z.strictObject({ consistency }),
    success: { status: 200, description: "The state.", mediaType: "application/json", schema: State },
    problems: readProblems,
    answer: async ({ consistency }, { segments: { id = "" } }) => {
      const { epoch, position, json, age } = await reader.read(
        { kind: type.kind, id },
        "state",
        {},
        consistency,
      );
      return splicedResponse({ id, epoch, position }, json, age);
    },
  });
}

function windowsRoute({ type, path, noun, idExample }: Collection, { reader }: CollectionContext): Route {
  return route({
    method: "get",
    path: `/${path}/{id}/windows`,
    operationId: `get-${path}-windows`,
    tag: path,
    summary: `Statistics of a ${noun} over 1, 3 and 12 hours.`,
    access: "token",
    segments: { id: `The ${noun}'s id, percent-encoded.` },
    segmentExamples: { id: idExample },
    query: z.strictObject({
      at: instantMs.optional().meta({
        ...timeArgumentShape,
        description: "The windows' end: epoch milliseconds or RFC 3339. Now, if nothing is given.",
      }),
      consistency,
    }),
    success: {
      status: 200,
      description: "The windows.",
      mediaType: "application/json",
      alsoAs: [csvMediaType],
      schema: Windows,
    },
    problems: [...readProblems, "bad-query"],
    answer: async ({ at, consistency }, { request, segments: { id = "" } }) => {
      const args = at === undefined ? {} : { at };
      const answer = await reader.read({ kind: type.kind, id }, "windows", args, consistency);
      if (wantsCsv(request)) return csvResponse(csvText(windowColumns, windowRows(answer.value)));
      const { epoch, position, json, age } = answer;
      return splicedResponse({ id, epoch, position }, json, age);
    },
  });
}
