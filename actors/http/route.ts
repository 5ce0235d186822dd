/**
 * Routes as data: one description gives the dispatch, the checks of what comes in, and the OpenAPI document.
 */

import { z } from "zod";
import { idProblem } from "../../runtime/core/registry.ts";
import type { Visit } from "./client_limits.ts";
import { type ProblemCode, ProblemError } from "./problem.ts";

/** Who may call a route when there is a token. */
export type Access =
  /** Only with the header. */
  | "token"
  /** With the header or `?token=`, since a browser that follows a link sends no header. */
  | "token-or-link"
  /** Anybody: health, and the page, which holds no data. */
  | "open";

export interface Answered {
  readonly status: 200 | 202;
  readonly description: string;
  readonly mediaType: string;
  /** Other forms that it is offered in, where `Accept` asks for them. */
  readonly alsoAs?: readonly string[];
  /** Of JSON; of server-sent events, that of the JSON in each event's data. Null where the answer is something else. */
  readonly schema: z.ZodType | null;
}

/** There is nothing to say besides. */
export interface Done {
  readonly status: 204;
  readonly description: string;
}

export type Success = Answered | Done;

export interface RequestBody {
  readonly description: string;
  readonly schemas: Readonly<Record<string, z.ZodType>>;
  readonly example: unknown;
}

interface Description {
  readonly method: "get" | "post" | "put" | "delete";
  /** As in OpenAPI: `/sensors/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** What each `{segment}` is. */
  readonly segments: Readonly<Record<string, string>>;
  /** What schemas say of a `{segment}` that is no id of an actor. */
  readonly segmentShapes?: Readonly<Record<string, object>>;
  /** Of a request that finds something on a node that has the documented examples. */
  readonly segmentExamples?: Readonly<Record<string, string>>;
  readonly query: z.ZodObject;
  /** Request headers beside the common ones, each with its meaning. */
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  readonly body?: RequestBody;
  readonly success: Success;
  /** What 201 means, where that is answered, too: with the same members. */
  readonly created?: string;
  /** Those that only this route has; `unauthorized`, `internal` and the like are common to all. */
  readonly problems: readonly ProblemCode[];
}

export interface Call {
  readonly request: Request;
  readonly visit: Visit;
  readonly parameters: URLSearchParams;
  /** Decoded. */
  readonly segments: Readonly<Record<string, string>>;
}

type Answer = Response | Promise<Response>;

export interface RouteSpec<Query extends z.ZodObject> extends Description {
  readonly query: Query;
  answer(query: z.output<Query>, call: Call): Answer;
}

export interface Route extends Description {
  /** Checks what came in and answers. */
  handle(call: Call): Answer;
}

export function route<Query extends z.ZodObject>(spec: RouteSpec<Query>): Route {
  return { ...spec, handle: (call) => spec.answer(parseQuery(spec.query, call.parameters), call) };
}

/** No parameters at all. */
export const noQuery = z.strictObject({});

function parseQuery<Query extends z.ZodObject>(schema: Query, given: URLSearchParams): z.output<Query> {
  const values: Record<string, string> = {};
  for (const [name, value] of given) {
    // It let the browser in; it is none of the route's own.
    if (name === "token") continue;
    if (Object.hasOwn(values, name)) throw badParameter(name, "it is given twice; once is right");
    values[name] = value;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    const known = Object.keys(schema.shape);
    const right = known.length === 0 ? "this path has none" : `this path knows ${known.join(", ")}`;
    throw badParameter(issue.keys[0] ?? "?", `there is no such parameter; ${right}`);
  }
  throw badParameter(String(issue?.path[0] ?? "?"), issue?.message ?? "it is wrong");
}

export function badParameter(name: string, sentence: string): ProblemError {
  return new ProblemError("bad-parameter", `Parameter "${name}": ${sentence}.`, {
    members: { parameter: name },
  });
}

/**
 * The values of a pattern's `{segments}` in a path that matches it, decoded. Throws a problem when one is not
 * percent-encoded UTF-8 or cannot be an id.
 */
export function decodeSegments(pattern: string, rawPath: string): Record<string, string> {
  const raw = rawPath.split("/");
  const segments: Record<string, string> = {};
  for (const [place, part] of pattern.split("/").entries()) {
    if (!part.startsWith("{")) continue;
    segments[part.slice(1, -1)] = decodeSegment(raw[place] ?? "");
  }
  return segments;
}

function decodeSegment(raw: string): string {
  let id: string;
  try {
    id = decodeURIComponent(raw);
  } catch {
    throw new ProblemError("bad-id", `"${clip(raw)}" is not percent-encoded UTF-8.`);
  }
  const sentence = idProblem(id);
  if (sentence !== null) throw new ProblemError("bad-id", `${sentence}.`);
  return id;
}

const clipLength = 100;

function clip(text: string): string {
  return text.length <= clipLength ? text : `${text.slice(0, clipLength)}…`;
}
