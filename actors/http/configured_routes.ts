/** What people configure at run time: rules and sources, by name. */

import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { ConfiguredName, configuredNamePattern } from "../config/configured.ts";
import { mistakeSentence } from "../config/mistakes.ts";
import { bodyText, isGzip } from "./body.ts";
import { type CollectionContext, readProblems } from "./collection_routes.ts";
import { jsonResponse } from "./json_response.ts";
import { page, uncachedConsistency } from "./parameters.ts";
import { askProblems, bodyProblems, ProblemError } from "./problem.ts";
import { type Route, route } from "./route.ts";

/** A kind of actor that is configured. */
export interface ConfiguredKind {
  readonly kind: string;
  /** First segment of its paths: `rules`. */
  readonly path: string;
  readonly noun: string;
  /** What a person writes. */
  readonly spec: z.ZodType<Json>;
  /** Why one cannot have its name, as a sentence without a full stop; null when it can. */
  readonly misnamed?: (name: string, spec: Json) => string | null;
  readonly example: { readonly name: string; readonly spec: unknown };
  /** What its query `state` answers: `spec`, `origin`, and how it goes. */
  readonly state: z.ZodObject;
}

/** Of what is configured: a screenful. */
const maxSpecBytes = 64 * 1024;

const segmentShapes = { name: { minLength: 1, maxLength: 64, pattern: configuredNamePattern.source } };

/** What only this node knows of something that is configured, by its spec. */
export type KnownHere = (spec: Json) => Readonly<Record<string, unknown>>;

interface ConfiguredHooks {
  readonly knownHere?: KnownHere;
  /** Called when something was made, changed or removed here, before that is answered. */
  readonly onChanged?: () => void;
}

export function configuredRoutes(
  configured: ConfiguredKind,
  context: CollectionContext,
  { knownHere = () => ({}), onChanged = () => {} }: ConfiguredHooks = {},
): Route[] {
  return [
    listRoute(configured, context),
    getRoute(configured, context, knownHere),
    putRoute(configured, context, onChanged),
    deleteRoute(configured, context, onChanged),
  ];
}

function nameOf(segments: Readonly<Record<string, string>>): string {
  const parsed = ConfiguredName.safeParse(segments["name"]);
  if (parsed.success) return parsed.data;
  throw new ProblemError("bad-id", `This is not a name: ${parsed.error.issues[0]?.message}.`);
}

const Standing = z.object({ spec: z.json().nullable(), origin: z.string().nullable() });

/** What is configured under a name; null: nothing. */
async function standing(engine: Engine, kind: string, name: string, deadlineMs: number) {
  const answer = await engine.ask({ kind, id: name }, "state", {}, { consistency: "strict", deadlineMs });
  if (answer.type !== "answered") return null;
  const found = Standing.parse(JSON.parse(answer.json));
  return found.spec === null ? null : found;
}

function listRoute(
  { kind, path, noun }: ConfiguredKind,
  { engine, store, limits }: CollectionContext,
): Route {
  return route({
    method: "get",
    path: `/${path}`,
    operationId: `list-${path}`,
    tag: path,
    summary: `Lists the ${path} by name, each with what is configured.`,
    access: "token",
    segments: {},
    query: z.strictObject(page(limits)),
    success: {
      status: 200,
      description: "A page; it may have fewer items than asked for, also where it is not the last.",
      mediaType: "application/json",
      schema: z.object({
        items: z.array(z.object({ name: z.string(), origin: z.string().nullable(), spec: z.json() })),
        next: z.string().nullable(),
      }).meta({ id: `${noun}Page` }),
    },
    problems: askProblems,
    answer: async ({ limit, after }) => {
      await engine.flush(limits.askDeadlineMs);
      const { ids, next } = await store.list(kind, after ?? null, limit);
      const items = await Promise.all(ids.map(async (name) => {
        const found = await standing(engine, kind, name, limits.askDeadlineMs);
        return found === null ? [] : [{ name, origin: found.origin, spec: found.spec }];
      }));
      return jsonResponse({ items: items.flat(), next });
    },
  });
}

function getRoute(
  { kind, path, noun, state, example }: ConfiguredKind,
  { reader }: CollectionContext,
  knownHere: KnownHere,
): Route {
  return route({
    method: "get",
    path: `/${path}/{name}`,
    operationId: `get-${path}`,
    tag: path,
    summary: `A ${noun}, and how it goes.`,
    access: "token",
    segments: { name: `The ${noun}'s name.` },
    segmentShapes,
    segmentExamples: { name: example.name },
    query: z.strictObject({ consistency: uncachedConsistency }),
    success: {
      status: 200,
      description: "It.",
      mediaType: "application/json",
      schema: z.looseObject({ name: z.string(), ...state.shape }).meta({ id: `${noun}State` }),
    },
    problems: readProblems,
    answer: async ({ consistency }, { segments }) => {
      const name = nameOf(segments);
      const { value, age } = await reader.read({ kind, id: name }, "state", {}, consistency);
      const { spec } = Standing.parse(value);
      if (spec === null) {
        throw new ProblemError("unknown-actor", `There is no ${noun} "${name}".`);
      }
      return jsonResponse({ name, ...Object(value), ...knownHere(spec), ...age });
    },
  });
}

/** Whether something was configured there before. */
async function configure(
  { kind, noun }: ConfiguredKind,
  { engine, limits }: CollectionContext,
  name: string,
  spec: Json,
): Promise<boolean> {
  const now = await standing(engine, kind, name, limits.askDeadlineMs);
  if (now?.origin === "file") {
    throw new ProblemError("of-file", `The ${noun} "${name}" is of the configuration file: change it there.`);
  }
  if (now === null && spec === null) {
    throw new ProblemError("unknown-actor", `There is no ${noun} "${name}".`);
  }
  const batch = engine.batch();
  batch.add(kind, name, { configure: spec, origin: "http" });
  await batch.send();
  return now !== null;
}

function putRoute(configured: ConfiguredKind, context: CollectionContext, onChanged: () => void): Route {
  const { path, noun, spec, example } = configured;
  return route({
    method: "put",
    path: `/${path}/{name}`,
    operationId: `put-${path}`,
    tag: path,
    summary: `Makes a ${noun}, or changes it.`,
    description: "It is durable then. What the configuration file says goes first.",
    access: "token",
    segments: { name: "1 to 64 of A-Z a-z 0-9 . _ -, and a letter or digit first." },
    segmentShapes,
    segmentExamples: { name: example.name },
    query: z.strictObject({}),
    body: {
      description: `The ${noun}.`,
      schemas: { "application/json": spec },
      example: example.spec,
    },
    success: {
      status: 200,
      description: "It was changed, and so it is from now on.",
      mediaType: "application/json",
      schema: z.object({ name: z.string(), spec }).meta({ id: `${noun}Put` }),
    },
    created: "It was made.",
    problems: [...bodyProblems, "bad-spec", "of-file", "bad-id", ...askProblems, "disk-full"],
    answer: async (_query, { request, segments }) => {
      const name = nameOf(segments);
      const parsed = spec.safeParse(await readJson(request, context));
      if (!parsed.success) {
        throw new ProblemError("bad-spec", `${mistakeSentence(parsed.error, spec, `The ${noun}`)}.`);
      }
      const misnamed = configured.misnamed?.(name, parsed.data) ?? null;
      if (misnamed !== null) throw new ProblemError("bad-spec", `The ${noun} "${name}": ${misnamed}.`);
      const wasThere = await configure(configured, context, name, parsed.data);
      onChanged();
      return jsonResponse({ name, spec: parsed.data }, wasThere ? 200 : 201);
    },
  });
}

function deleteRoute(configured: ConfiguredKind, context: CollectionContext, onChanged: () => void): Route {
  const { path, noun, example } = configured;
  return route({
    method: "delete",
    path: `/${path}/{name}`,
    operationId: `delete-${path}`,
    tag: path,
    summary: `Removes a ${noun}.`,
    description: "It is durable then. One that comes with the program does not come back.",
    access: "token",
    segments: { name: `The ${noun}'s name.` },
    segmentShapes,
    segmentExamples: { name: example.name },
    query: z.strictObject({}),
    success: { status: 204, description: "It is removed." },
    problems: [...readProblems, "of-file", "disk-full"],
    answer: async (_query, { segments }) => {
      const name = nameOf(segments);
      await configure(configured, context, name, null);
      onChanged();
      return new Response(null, { status: 204 });
    },
  });
}

async function readJson(request: Request, { bodies }: CollectionContext): Promise<unknown> {
  const form = { isGzip: isGzip(request), maxBytes: maxSpecBytes, isLines: false };
  const text = await bodies.during(request, (arrived) => bodyText(arrived, form), maxSpecBytes);
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError("malformed-body", "The body is not JSON.");
  }
}
