/** The OpenAPI 3.1 document, made of the routes and the schemas. */

import { z } from "zod";
import { Problem, type ProblemCode, problemKinds } from "./problem.ts";
import { idShape } from "../../runtime/core/registry.ts";
import type { Access, Answered, RequestBody, Route, Success } from "./route.ts";
import { LateProblem } from "./inside_schemas.ts";

type JsonObject = Record<string, unknown>;

export interface OpenApiOperation extends JsonObject {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly description: string;
    readonly content: Readonly<Record<string, JsonObject>>;
  };
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
}

export interface OpenApiParameter extends JsonObject {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: JsonObject;
}

export interface OpenApiResponse extends JsonObject {
  readonly description: string;
  readonly content: Readonly<Record<string, JsonObject>>;
}

interface OpenApiBody extends OpenApiResponse {
  readonly required: boolean;
}

export interface OpenApiDocument extends JsonObject {
  readonly openapi: "3.1.0";
  readonly info: JsonObject & {
    readonly title: string;
    readonly version: string;
    readonly description: string;
  };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: JsonObject & { readonly schemas: Readonly<Record<string, JsonObject>> };
}

/** What every route may answer. */
const commonProblems: readonly ProblemCode[] = [
  "bad-parameter",
  "not-acceptable",
  "rate-limited",
  "overloaded",
  "internal",
];

export function openApiDocument(
  routes: readonly Route[],
  version: string,
  hasToken: boolean,
): OpenApiDocument {
  const schemas = new SchemaCollector();
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const each of routes) {
    const path = paths[each.path] ??= {};
    path[each.method] = operation(each, schemas, hasToken);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Sensorium",
      version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      description: "One live, durable actor for every sensor and every series. Errors are RFC 9457 problem " +
        "details. Any other path answers 404, any other method 405 with `Allow`. A path segment that names an " +
        "actor is percent-encoded.",
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    ...(hasToken ? { security: [{ token: [] }] } : {}),
    paths,
    components: {
      schemas: schemas.all(),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function operation(each: Route, schemas: SchemaCollector, hasToken: boolean): OpenApiOperation {
  const { success, body } = each;
  return {
    operationId: each.operationId,
    tags: [each.tag],
    summary: each.summary,
    ...(each.description === undefined ? {} : { description: each.description }),
    ...security(each.access, hasToken),
    parameters: parameters(each, schemas),
    ...(body === undefined ? {} : { requestBody: requestBody(body, schemas) }),
    responses: {
      [success.status]: { description: success.description, content: contentOf(success, schemas) },
      ...each.created === undefined
        ? {}
        : { 201: { description: each.created, content: contentOf(success, schemas) } },
      ...problems(each, schemas, hasToken),
    },
  };
}

function contentOf(success: Success, schemas: SchemaCollector): Record<string, JsonObject> {
  if (success.status === 204) return {};
  return {
    [success.mediaType]: { schema: answerSchema(success, schemas) },
    ...Object.fromEntries((success.alsoAs ?? []).map((form) => [form, { schema: { type: "string" } }])),
  };
}

function answerSchema({ schema, mediaType }: Answered, schemas: SchemaCollector): JsonObject {
  if (schema === null) return { type: "string" };
  const json = schemas.of(schema, "output");
  return mediaType === "text/event-stream" ? eventSchema(json) : json;
}

/** OpenAPI 3.1 has no word for the events of a stream; tools take the schema for that of each event, as 3.2 does. */
function eventSchema(data: JsonObject): JsonObject {
  const text = { type: "string", contentMediaType: "application/json", contentSchema: data };
  return { type: "object", properties: { data: text }, required: ["data"] };
}

function requestBody(
  { description, schemas: byType, example }: RequestBody,
  schemas: SchemaCollector,
): OpenApiBody {
  const content = Object.entries(byType).map(([mediaType, schema]) => {
    const examples = mediaType === "application/json" ? { example } : {};
    return [mediaType, { schema: schemas.of(schema), ...examples }] as const;
  });
  return { description, required: true, content: Object.fromEntries(content) };
}

function security(access: Access, hasToken: boolean): JsonObject {
  return hasToken && access === "open" ? { security: [] } : {};
}

function parameters(
  { segments, segmentShapes = {}, segmentExamples = {}, query, headers = {} }: Route,
  schemas: SchemaCollector,
): OpenApiParameter[] {
  const inPath = Object.entries(segments).map(([name, description]) => ({
    name,
    in: "path" as const,
    required: true,
    description,
    schema: { type: "string", ...segmentShapes[name] ?? idShape },
    ...(Object.hasOwn(segmentExamples, name) ? { example: segmentExamples[name] } : {}),
  }));
  const optional = (where: "query" | "header") => ([name, schema]: [string, z.ZodType]): OpenApiParameter => {
    const { description = "", ...rest } = schemas.of(schema);
    return { name, in: where, required: false, description: String(description), schema: rest };
  };
  return [
    ...inPath,
    ...Object.entries<z.ZodType>(query.shape).map(optional("query")),
    ...Object.entries(headers).map(optional("header")),
  ];
}

/** One response for each status, with the problems that have it. */
function problems(each: Route, schemas: SchemaCollector, hasToken: boolean): Record<string, OpenApiResponse> {
  const guarded: readonly ProblemCode[] = hasToken && each.access !== "open" ? ["unauthorized"] : [];
  const byStatus = new Map<number, ProblemCode[]>();
  const unsafe: readonly ProblemCode[] = each.method === "get" ? [] : ["cross-origin"];
  for (const code of new Set([...each.problems, ...guarded, ...unsafe, ...commonProblems])) {
    const { status } = problemKinds[code];
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  return Object.fromEntries(
    [...byStatus].sort(([left], [right]) => left - right).map(([status, codes]) => [status, {
      description: codes.map((code) => `${code}: ${problemKinds[code].title}.`).join(" "),
      ...status === 429 || status === 503 ? { headers: { "Retry-After": retryAfter } } : {},
      content: { "application/problem+json": { schema: schemas.of(problemSchema(codes), "output") } },
    }]),
  );
}

const retryAfter = {
  required: true,
  description: "Seconds after which to come again.",
  schema: { type: "integer", minimum: 1 },
};

/** With the further members, where a status means one problem only. */
function problemSchema([code, ...others]: readonly ProblemCode[]): z.ZodType {
  return code === "no-answer-in-time" && others.length === 0 ? LateProblem : Problem;
}

/** JSON schemas of zod schemas; what has a name stands under `components` and is referred to. */
class SchemaCollector {
  readonly #named: Record<string, JsonObject> = {};

  /** `io`: of what comes in, or of what is answered, which has no members beside those that are named. */
  of(schema: z.ZodType, io: "input" | "output" = "input"): JsonObject {
    const { $schema: _dialect, $defs = {}, ...json } = z.toJSONSchema(schema, {
      target: "draft-2020-12",
      io,
      unrepresentable: "any",
    });
    const own = schema.meta()?.id;
    for (const [name, definition] of Object.entries($defs)) this.#named[name] = pointToComponents(definition);
    if (own === undefined) return pointToComponents(json);
    // Where all that is left is a reference to the name, the schema itself is among the definitions.
    if (!Object.hasOwn($defs, own)) this.#named[own] = pointToComponents(json);
    return { $ref: `#/components/schemas/${own}` };
  }

  all(): Record<string, JsonObject> {
    return this.#named;
  }
}

function pointToComponents(schema: object): JsonObject {
  const text = JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { id: _name, ...rest }: JsonObject = JSON.parse(text);
  return rest;
}
