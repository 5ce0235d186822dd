/**
 * Where other nodes ask: the other side of `peers.ts`.
 *
 * 1. Who does not send the cluster's secret learns nothing, and costs next to nothing.
 * 2. What is asked is answered here or not at all; see `router.ts`.
 * 3. Every request is answered, by its deadline; one whose asker goes is given up.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { errorMessage } from "../core/errors.ts";
import type { Suspended } from "./engine.ts";
import { maxQuestionBytes, maxReplyBytes } from "./limits.ts";
import type { Report } from "./notice.ts";
import { askPath, Question, type Reply, suspendedPath, SuspendedQuestion } from "./peer_protocol.ts";
import { suspendedAfter } from "./suspended_page.ts";

/** Answers requests of other nodes. */
export type Door = (request: Request) => Promise<Response>;

export interface DoorParts {
  readonly secret: string;
  /** See `Router.answer`. */
  answer(question: Question, signal: AbortSignal): Promise<Reply>;
  /** This node's alone, by kind and id. */
  suspended(): readonly Suspended[];
  readonly report: Report;
}

/** Whether a path is for the door. */
export function isForDoor(path: string): boolean {
  return path === askPath || path === suspendedPath;
}

export function peerDoor({ secret, answer, suspended, report }: DoorParts): Door {
  const expected = digest(`Bearer ${secret}`);
  let isTold = false;
  const tell = (level: "warn" | "error", event: string, message: string) =>
    report({ level, component: "peers", event, message });
  return async (request) => {
    if (!timingSafeEqual(digest(request.headers.get("authorization") ?? ""), expected)) {
      if (!isTold) tell("warn", "wrong-secret", wrongSecret);
      isTold = true;
      return status(401);
    }
    const path = new URL(request.url).pathname;
    if (!isForDoor(path)) return status(404);
    if (request.method !== "POST") return status(405);
    const bytes = Number(request.headers.get("content-length") ?? Infinity);
    if (!(bytes <= maxQuestionBytes)) return status(413);
    try {
      const body: unknown = await request.json();
      if (path === askPath) {
        const question = Question.safeParse(body);
        return question.success ? json(await answer(question.data, request.signal)) : status(400);
      }
      const question = SuspendedQuestion.safeParse(body);
      return question.success ? json({ items: suspendedAfter(suspended(), question.data) }) : status(400);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return status(400);
      tell("error", "not-answered", `Cannot answer another node: ${errorMessage(thrown)}.`);
      return status(500);
    }
  };
}

const wrongSecret =
  "A request for another node came without this cluster's secret, and was refused: it is from a " +
  "stranger, or from a node on another database.";

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function status(code: number): Response {
  return new Response(null, { status: code });
}

function json(reply: Reply | { readonly items: readonly Suspended[] }): Response {
  const body = new TextEncoder().encode(JSON.stringify(reply));
  if (body.byteLength > maxReplyBytes) {
    const sentence =
      `The answer has ${body.byteLength} bytes, and ${maxReplyBytes} is the most between nodes`;
    return json({ type: "failed", sentence, ageMs: 0 });
  }
  return new Response(body, {
    headers: { "content-type": "application/json", "content-length": String(body.byteLength) },
  });
}
