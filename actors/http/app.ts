/**
 * The HTTP edge: everything a request meets before it reaches the engine.
 *
 * 1. `fetch` answers every request and never throws; what was not expected becomes a 500 and one log entry.
 * 2. Every answer with a status of 400 or more is a problem detail.
 */

import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { HotState } from "../../runtime/hot/port.ts";
import { Deadlines } from "../../runtime/node/deadlines.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { accepts } from "./accept.ts";
import { actorRoutes } from "./actor_routes.ts";
import { backupRoutes } from "./backup_routes.ts";
import { BodyRests } from "./body_rests.ts";
import type { TrustedProxies } from "./client_address.ts";
import { ClientLimits, uncounted, type Visit } from "./client_limits.ts";
import { type Collection, collectionRoutes, intakeRoute } from "./collection_routes.ts";
import { collections } from "./collections.ts";
import { deadLetterRoutes } from "./dead_letter_routes.ts";
import { documentRoutes } from "./document_routes.ts";
import { failureProblem, type LogFailure } from "./failure.ts";
import { healthRoutes } from "./health_routes.ts";
import { Intake } from "./intake.ts";
import {
  clientRateSetBits,
  defaultHttpLimits,
  type HttpLimits,
  rateBurstSeconds,
  refusalPauseMs,
} from "./limits.ts";
import { LargeAnswers } from "./large_answers.ts";
import { LiveFeed } from "./live_feed.ts";
import { createHttpMetrics, type HttpMetrics } from "./metrics.ts";
import { MovingActors } from "./moving.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { checkOrigin } from "./origin.ts";
import { pageRoutes } from "./page_routes.ts";
import { ProblemError, problemResponse } from "./problem.ts";
import { RateLimiter } from "./rate_limiter.ts";
import { ActorReader } from "./reader.ts";
import { type Call, decodeSegments, type Route } from "./route.ts";
import { rawPath, searchParameters } from "./request_url.ts";
import { storeReads } from "./store_reads.ts";
import { suspensionRoutes } from "./suspension_routes.ts";
import { checkToken } from "./token.ts";
import { Turns } from "./turns.ts";

export interface AppOptions {
  readonly engine: Engine;
  /** Answers that may be a little old. */
  readonly hot: HotState;
  /** What `Authorization: Bearer` must carry; null: nothing is asked for. */
  readonly token: string | null;
  /** The product's metrics; those of the HTTP edge are added, and `/metrics` prints them beside the engine's. */
  readonly registry: Registry;
  /** The program's version, for the OpenAPI document. */
  readonly version: string;
  readonly log: LogFailure;
  /** Hears of every request that is answered: `path` as in the OpenAPI document, or "unknown". */
  readonly onAnswered?: (request: Request, path: string, status: number) => void;
  readonly limits?: Partial<HttpLimits>;
  /** Of whose `X-Forwarded-For` is known whose request it is; none unless given. */
  readonly trustedProxies?: TrustedProxies;
  /** By which rates are measured; it never goes back. */
  readonly nowMs?: () => number;
}

/** What is known of a request besides itself. */
export interface Connection {
  readonly remoteAddr: Deno.Addr;
}

export type Fetch = (request: Request, connection?: Connection) => Response | Promise<Response>;

export interface App {
  readonly fetch: Fetch;
  /** The same for the operator's port: health, metrics and backups only. */
  readonly adminFetch: Fetch;
  /** What the live page follows: sources note there what they move. */
  readonly moving: MovingActors;
  /** Ends the live feed and every timer. */
  close(): void;
}

export function createApp(options: AppOptions): App {
  const { engine, hot, token, registry, version, log, nowMs = () => performance.now() } = options;
  const limits = { ...defaultHttpLimits, ...options.limits };
  const kinds = collections.map(({ type }) => type.kind);
  const metrics = createHttpMetrics(registry, kinds);
  const moving = new MovingActors(kinds);
  const feed = new LiveFeed({ engine, moving, limits, log });
  const intake = new Intake({ engine, limits, metrics, moving, nowMs });
  const deadlines = new Deadlines(limits.askDeadlineMs);
  const context = {
    engine,
    limits,
    deadlines,
    store: storeReads(engine, deadlines),
    reader: new ActorReader({ engine, hot, limits, log }),
  };
  const health = healthRoutes({ engine, productMetrics: () => registry.metrics() });
  const routes: readonly Route[] = [
    ...collections.flatMap((collection) => [
      intakeRoute(collection, intake, limits),
      ...collectionRoutes(collection, context),
    ]),
    ...actorRoutes(context),
    ...suspensionRoutes(context),
    ...deadLetterRoutes(context),
    ...health,
    ...pageRoutes(feed),
    ...documentRoutes(() => document ??= openApiDocument(routes, version, token !== null)),
  ];
  let document: OpenApiDocument | undefined;
  const { onAnswered = () => {} } = options;
  const answerDeadlines = new Deadlines(limits.answerDeadlineMs);
  const answers = new LargeAnswers(limits.maxAnswersBytes, answerDeadlines);
  const rests = new BodyRests(answerDeadlines);
  const shared: Shared = {
    token,
    log,
    metrics,
    answers,
    rests,
    answered(request, path, status) {
      metrics.answered(path, status);
      onAnswered(request, path, status);
    },
  };
  const router = createRouter(routes, shared);
  const turns = new Turns(limits.maxTurnWaitMs, nowMs);
  const limited = withClientLimits(
    withHotPath(router, collections, intake, shared),
    clientLimits(limits, options.trustedProxies ?? { has: () => false }, nowMs),
    shared,
  );
  return {
    fetch: inTurn(limited, turns, shared),
    adminFetch: inTurn(createRouter([...health, ...backupRoutes(engine.backups)], shared), turns, shared),
    moving,
    close: () => {
      feed.close();
      intake.close();
      deadlines.close();
      answerDeadlines.close();
    },
  };
}

interface Shared {
  readonly token: string | null;
  readonly log: LogFailure;
  readonly metrics: HttpMetrics;
  readonly answers: LargeAnswers;
  readonly rests: BodyRests;
  answered(request: Request, path: string, status: number): void;
}

/** Requests are answered in turns, with the event loop's between them; one that waited too long is refused. */
function inTurn(answer: Fetch, turns: Turns, shared: Shared): Fetch {
  return async (request, connection) => {
    let response: Response;
    try {
      response = await turns.take(() => answer(request, connection));
    } catch (thrown) {
      response = failed(thrown, request, shared);
      shared.metrics.answered("any", response.status);
    }
    if (request.method === "POST") {
      if (response.status >= 400) await shared.rests.read(request);
      // Who does not wait by itself is made to: refusing could take all the time there is.
      if (response.status === 503) await new Promise((resolve) => setTimeout(resolve, refusalPauseMs));
    }
    return response;
  };
}

/** Answers one request of a client's. */
type Answer = (request: Request, visit: Visit) => Response | Promise<Response>;

function clientLimits(
  { maxRatePerClient }: HttpLimits,
  proxies: TrustedProxies,
  nowMs: () => number,
): ClientLimits | null {
  if (maxRatePerClient === null) return null;
  const rate = { perSecond: maxRatePerClient, burst: maxRatePerClient * rateBurstSeconds };
  return new ClientLimits({ limiter: new RateLimiter(rate, clientRateSetBits), proxies, nowMs });
}

/** A client that asks and sends too much is refused before anything else of its request is looked at. */
function withClientLimits(answer: Answer, clients: ClientLimits | null, shared: Shared): Fetch {
  if (clients === null) return (request) => answer(request, uncounted);
  return async (request, connection) => {
    const visit = clients.visit(request, peerOf(connection));
    let response: Response;
    try {
      visit.begin();
      response = await answer(request, visit);
    } catch (thrown) {
      response = failed(thrown, request, shared);
      shared.metrics.answered("any", response.status);
    }
    visit.tell(response.headers);
    return response;
  };
}

/** The address at the other end; of a socket file, whose clients are one, none. */
function peerOf(connection: Connection | undefined): string {
  const address = connection?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : "local";
}

function failed(thrown: unknown, request: Request, { log, metrics }: Shared): Response {
  const problem = failureProblem(thrown, request, log);
  metrics.refused(problem.code);
  return problemResponse(problem);
}

/** The ways in are answered before the router: it would cost each body more than parsing an item does. */
function withHotPath(
  router: Fetch,
  all: readonly Collection[],
  intake: Intake,
  shared: Shared,
): Answer {
  const { token, answered } = shared;
  const byPath = new Map(all.map((collection) => [`/${collection.intakePath}`, collection.type]));
  return async (request, visit) => {
    const path = rawPath(request);
    const type = request.method === "POST" ? byPath.get(path) : undefined;
    if (type === undefined) return router(request);
    let response: Response;
    try {
      checkToken(request, "token", token);
      checkOrigin(request);
      response = await intake.accept(request, type, visit);
    } catch (thrown) {
      response = failed(thrown, request, shared);
    }
    answered(request, path, response.status);
    return response;
  };
}

function createRouter(routes: readonly Route[], shared: Shared): Fetch {
  const app = new Hono({ getPath: rawPath });
  app.onError((thrown, c) => failed(thrown, c.req.raw, shared));
  app.notFound((c) => refuse("unknown", c.req.raw, shared, unknownPath(c.req.path, routes)));
  for (const [path, ofPath] of byPath(routes)) {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
    const allow = allowedMethods(ofPath);
    for (const each of ofPath) {
      app.on(each.method.toUpperCase(), pattern, (c) => answer(each, c.req.raw, shared));
    }
    app.options(pattern, () => new Response(null, { status: 204, headers: { allow } }));
    app.all(pattern, (c) => {
      const detail = `${path} has no ${c.req.method}; it has ${allow}.`;
      return refuse(
        path,
        c.req.raw,
        shared,
        new ProblemError("wrong-method", detail, { headers: { allow } }),
      );
    });
  }
  return (request) => app.fetch(request);
}

/** Who has no token learns nothing of which paths there are. */
function refuse(
  path: string,
  request: Request,
  shared: Shared,
  problem: ProblemError,
): Response {
  const { token, answered } = shared;
  let response = problemResponse(problem);
  try {
    checkToken(request, "token", token);
  } catch (thrown) {
    response = failed(thrown, request, shared);
  }
  answered(request, path, response.status);
  return response;
}

async function answer(each: Route, request: Request, shared: Shared): Promise<Response> {
  const { token, answered, answers } = shared;
  let response: Response;
  try {
    checkToken(request, each.access, token);
    checkOrigin(request);
    const { mediaType } = each.success;
    if (!accepts(request.headers.get("accept"), mediaType)) {
      throw new ProblemError("not-acceptable", `${each.path} is offered as ${mediaType}.`);
    }
    const call: Call = {
      request,
      parameters: searchParameters(request),
      segments: decodeSegments(each.path, rawPath(request)),
    };
    response = await each.handle(call);
    // The feed bounds itself, and of an answer to HEAD nothing is read.
    const isBounded = each.success.mediaType === "text/event-stream" || request.method === "HEAD";
    if (!isBounded) response = await answers.bound(response);
  } catch (thrown) {
    response = failed(thrown, request, shared);
  }
  answered(request, each.path, response.status);
  return response;
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  return Map.groupBy(routes, ({ path }) => path);
}

function allowedMethods(routes: readonly Route[]): string {
  const methods = routes.map(({ method }) => method);
  return [
    ...methods.includes("get") ? ["GET", "HEAD"] : [],
    ...methods.includes("post") ? ["POST"] : [],
    "OPTIONS",
  ].join(", ");
}

const shownPathLength = 200;

function unknownPath(path: string, routes: readonly Route[]): ProblemError {
  const known = [...new Set(routes.map((each) => each.path))];
  const first = `/${path.split("/")[1] ?? ""}`;
  const alike = known.filter((each) => each === first || each.startsWith(`${first}/`));
  const hint = alike.length > 0
    ? `Paths that begin alike: ${alike.join(", ")}.`
    : `All paths: ${known.join(", ")}.`;
  const detail = `There is no ${
    path.slice(0, shownPathLength)
  }. An id is one segment: write "/" in it as %2F.`;
  return new ProblemError("unknown-path", detail, { members: { hint } });
}
