/** Messages that could not be folded: listed, inspected, sent again. */

import { z } from "zod";
import type { DeadLetterFilter } from "../../runtime/store/port.ts";
import type { CollectionContext } from "./collection_routes.ts";
import { jsonResponse } from "./json_response.ts";
import { listConsistency, page } from "./parameters.ts";
import { ProblemError } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { DeadLetterAnswer, DeadLetters, Replayed } from "./schemas.ts";
import { storeIsLate } from "./store_reads.ts";

const segments = { id: "The dead letter's id, from the list." };
const problems = [
  "bad-id",
  "unknown-dead-letter",
  "starting",
  "stopping",
  "unavailable",
  "no-answer-in-time",
] as const;

export function deadLetterRoutes(context: CollectionContext): Route[] {
  return [listRoute(context), letterRoute(context), replayRoute(context)];
}

function listRoute({ engine, store, limits }: CollectionContext): Route {
  return route({
    method: "get",
    path: "/dead-letters",
    operationId: "list-dead-letters",
    tag: "dead letters",
    summary: "Lists dead letters, the newest first.",
    access: "token",
    segments: {},
    query: z.strictObject({
      ...page(limits),
      kind: z.string().optional().meta({ description: "Only those of this kind." }),
      actorId: z.string().optional().meta({ description: "Only those of actors of this id." }),
      reason: z.string().optional().meta({ description: "Only those of this reason." }),
      consistency: listConsistency,
    }),
    success: { status: 200, description: "A page.", mediaType: "application/json", schema: DeadLetters },
    problems: ["unknown-dead-letter", "starting", "stopping", "unavailable", "no-answer-in-time"],
    answer: async ({ limit, after, kind, actorId, reason, consistency }) => {
      if (consistency === "strict") await engine.flush(limits.askDeadlineMs);
      if (after !== undefined && await store.deadLetter(after) === null) {
        // 404, for the letter may have been removed since the page before was given.
        throw new ProblemError(
          "unknown-dead-letter",
          `There is no dead letter "${after}" to go on after; \`next\` of the page before is right.`,
        );
      }
      const filter: DeadLetterFilter = {
        limit,
        after: after ?? null,
        ...(kind === undefined ? {} : { kind }),
        ...(actorId === undefined ? {} : { actorId }),
        ...(reason === undefined ? {} : { reason }),
      };
      return jsonResponse(await store.deadLetters(filter));
    },
  });
}

function letterRoute({ store }: CollectionContext): Route {
  return route({
    method: "get",
    path: "/dead-letters/{id}",
    operationId: "get-dead-letter",
    tag: "dead letters",
    summary: "One dead letter, with its message and stack.",
    access: "token",
    segments,
    query: z.strictObject({}),
    success: {
      status: 200,
      description: "The letter.",
      mediaType: "application/json",
      schema: DeadLetterAnswer,
    },
    problems,
    answer: async (_query, { segments: { id = "" } }) => {
      const letter = await store.deadLetter(id);
      if (letter === null) throw unknownLetter(id);
      return jsonResponse(letter);
    },
  });
}

function replayRoute({ engine, store, deadlines }: CollectionContext): Route {
  return route({
    method: "post",
    path: "/dead-letters/{id}/replay",
    operationId: "replay-dead-letter",
    tag: "dead letters",
    summary: "Sends a dead letter's message to its actor again.",
    description:
      "The letter stays. Once the message is folded it says when, and cannot be replayed again; if the " +
      "message dies again it says of what. Asked again before that, it is the same replay. Replays are capped.",
    access: "token",
    segments,
    query: z.strictObject({}),
    success: {
      status: 202,
      description: "The message is durable again.",
      mediaType: "application/json",
      schema: Replayed,
    },
    problems: [...problems, "already-replayed", "replays-used-up", "keys-full", "overloaded", "disk-full"],
    answer: async (_query, { segments: { id = "" } }) => {
      const replayed = await deadlines.within(engine.replayDeadLetter(id), () => storeIsLate(deadlines));
      if (replayed !== null) return jsonResponse({ replays: replayed.replays }, 202);
      const letter = await store.deadLetter(id);
      if (letter === null) throw unknownLetter(id);
      if (letter.replayedAtMs !== null) throw alreadyReplayed(letter.replayedAtMs);
      if (letter.kind === "") {
        throw new ProblemError("replays-used-up", noMessage, { members: { replays: 0 } });
      }
      const detail =
        `It was replayed ${letter.replays} times, which is the most; it died of: ${letter.detail}`;
      throw new ProblemError("replays-used-up", detail, { members: { replays: letter.replays } });
    },
  });
}

const noMessage = "It is a record of a foreign topic that is no message, and cannot be replayed: " +
  "mend it where it comes from, and send it again there.";

function alreadyReplayed(atMs: number): ProblemError {
  const detail = `Its message was sent again and folded, at ${new Date(atMs).toISOString()}.`;
  return new ProblemError("already-replayed", detail);
}

function unknownLetter(id: string): ProblemError {
  return new ProblemError("unknown-dead-letter", `There is no dead letter "${id}".`);
}
