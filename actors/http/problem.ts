/**
 * Errors of the HTTP edge as RFC 9457 problem details.
 *
 * 1. Every answer with a status of 400 or more is `application/problem+json` with type, title, status, detail.
 * 2. Every 429 and 503 says by `Retry-After` when to come again: in a second, unless something else is known.
 * 3. A problem never carries a stack or the message of an unexpected error.
 */

import { z } from "zod";

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What to do about it, for the documentation. */
  readonly meaning: string;
}

function kind(status: number, title: string, meaning: string): ProblemKind {
  return { status, title, meaning };
}

/** Every problem there is. The key is the last part of the problem's `type`. */
export const problemKinds = {
  "malformed-body": kind(400, "The body cannot be read", "It is not JSON, not UTF-8 or not gzip."),
  "nothing-accepted": kind(400, "No item of the body is good", "`rejected` says of each item why."),
  "bad-parameter": kind(400, "A parameter is wrong", "`parameter` names it; nothing was done."),
  "bad-id": kind(400, "This is not an id", "An id is one percent-encoded path segment of 1 to 1,024 bytes."),
  "bad-key": kind(400, "This is not an idempotency key", "Use 1 to 255 visible ASCII characters."),
  "bad-query": kind(400, "The arguments do not fit the query", "`detail` says which one."),
  "bad-spec": kind(400, "What is configured is wrong", "`detail` names the member, and what is right."),
  "results-away": kind(503, "Results are not there yet", "Come again in a moment."),
  "of-file": kind(409, "The configuration file says otherwise", "Change it there, and start again."),
  "unauthorized": kind(401, "A token is needed", "Send `Authorization: Bearer <token>`."),
  "cross-origin": kind(
    403,
    "Another site's page may not send this",
    "Send it from a program, or the node's page.",
  ),
  "unknown-path": kind(404, "There is no such path", "`hint` names paths that exist."),
  "unknown-actor": kind(404, "There is no such actor", "It has never had a message."),
  "unknown-channel": kind(404, "The actor has no such channel", "`detail` names those that it has."),
  "unknown-query": kind(404, "There is no such query", "`detail` names the kind and the query."),
  "unknown-dead-letter": kind(404, "There is no such dead letter", "It may have been removed."),
  "unknown-backup": kind(404, "There is no such backup", "It has ended, or the node has started anew."),
  "wrong-method": kind(405, "This path has no such method", "`Allow` lists those it has."),
  "not-acceptable": kind(406, "This is not offered in that form", "`detail` says which media type it has."),
  "body-too-slow": kind(408, "The body took too long", "Nothing of it was accepted; send it again."),
  "already-replayed": kind(
    409,
    "The dead letter was replayed",
    "Its message was folded; nothing is left to do.",
  ),
  "replays-used-up": kind(409, "The dead letter was replayed often enough", "Mend the cause first."),
  "backup-running": kind(409, "Another backup runs", "Wait for its end."),
  "backup-elsewhere": kind(
    409,
    "Servers keep what the node has",
    "Back Kafka and MySQL up with their own tools.",
  ),
  "backup-lost": kind(410, "The backup was given up", "What was copied is worthless: begin again."),
  "body-too-large": kind(413, "The body is too large", "Send it in several bodies."),
  "unknown-media-type": kind(415, "This media type is not understood", "`detail` names those that are."),
  "keys-full": kind(
    429,
    "Too many idempotency keys are remembered",
    "Try again after `Retry-After` seconds.",
  ),
  "rate-limited": kind(429, "More a second than is allowed", "Try again after `Retry-After` seconds."),
  "internal": kind(500, "Something unexpected went wrong", "It was logged; the same request may work later."),
  "starting": kind(503, "Not ready yet", "Try again after `Retry-After` seconds."),
  "stopping": kind(503, "Shutting down", "Try again after `Retry-After` seconds, maybe elsewhere."),
  "overloaded": kind(503, "More is waiting than the bound", "Try again after `Retry-After` seconds."),
  "unavailable": kind(
    503,
    "The log or the store cannot be reached",
    "Nothing of a body was accepted. Try again after `Retry-After` seconds.",
  ),
  "shard-moved": kind(503, "The actor is changing its place", "Try again after `Retry-After` seconds."),
  "too-many-listeners": kind(503, "Too many listen to the live feed", "Close one, then try again."),
  "no-answer-in-time": kind(
    504,
    "No answer in time",
    "`waiting` says where it was. Ask again. A body may be accepted or not, or in part: repeat it under the same " +
      "`Idempotency-Key`, and it counts once.",
  ),
  "disk-full": kind(507, "The disk is full", "Nothing was accepted; make room."),
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

/** Of a body that cannot be read. */
export const bodyProblems: readonly ProblemCode[] = [
  "malformed-body",
  "body-too-slow",
  "body-too-large",
  "unknown-media-type",
];

/** Of a node that cannot do its part now. */
export const nodeProblems: readonly ProblemCode[] = [
  "starting",
  "stopping",
  "overloaded",
  "unavailable",
  "no-answer-in-time",
];

/** Of an actor that is asked. */
export const askProblems: readonly ProblemCode[] = [...nodeProblems, "shard-moved"];

/** Of a message that is to be durable. */
export const durableProblems: readonly ProblemCode[] = [
  "keys-full",
  ...nodeProblems,
  "disk-full",
];

export const Problem = z.looseObject({
  type: z.string().meta({ description: "`/docs#problem-<code>`", examples: ["/docs#problem-bad-parameter"] }),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().meta({ description: "What was found here and what would be right." }),
}).meta({ id: "Problem", description: "RFC 9457 problem details; some problems have further members." });

/** Why an item of a body was refused. */
export interface Rejection {
  /** Place of the item in the body, from 0; for NDJSON, of the line among those that are not empty. */
  readonly index: number;
  readonly code: RejectionCode;
  readonly sentence: string;
}

export const rejectionCodes = ["malformed", "invalid", "too-far-ahead", "rate-limited"] as const;
export type RejectionCode = typeof rejectionCodes[number];

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the problem. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** Thrown by a handler to answer with a problem. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  constructor(readonly code: ProblemCode, readonly detail: string, readonly options: ProblemOptions = {}) {
    super(detail);
  }
}

export function problemResponse({ code, detail, options }: ProblemError): Response {
  const { status, title } = problemKinds[code];
  const retry = status === 429 || status === 503 ? { "retry-after": "1" } : {};
  const body = { type: `/docs#problem-${code}`, title, status, detail, ...options.members };
  return new Response(JSON.stringify(body) + "\n", {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...retry,
      ...options.headers,
    },
  });
}
