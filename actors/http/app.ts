/**
 * The HTTP edge: everything a request meets before it reaches the engine.
 *
 * 1. `fetch` answers every request and never throws; what was not expected becomes a 500 and one log entry.
 * 2. Every answer with a status of 400 or more is a problem detail.
 */

import type { HotState } from "../../runtime/hot/port.ts";
import { Deadlines } from "../../runtime/node/deadlines.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { ForecastMetrics } from "../analysis/forecast_metrics.ts";
import type { Registry } from "../../runtime/prom_client.ts";
import type { ResultTables } from "../results/tables.ts";
import { actorRoutes } from "./actor_routes.ts";
import { analysisRoutes } from "./analysis_routes.ts";
import { backupRoutes } from "./backup_routes.ts";
import { Bodies } from "./bodies.ts";
import { BodyRests } from "./body_rests.ts";
import type { TrustedProxies } from "./client_address.ts";
import { clusterRoutes } from "./cluster_routes.ts";
import { type Collection, collectionRoutes, intakeRoute } from "./collection_routes.ts";
import { collections, series } from "./collections.ts";
import { configuredKinds } from "./configured_kinds.ts";
import { configuredRoutes, type KnownHere } from "./configured_routes.ts";
import { deadLetterRoutes } from "./dead_letter_routes.ts";
import { documentRoutes } from "./document_routes.ts";
import type { LogFailure } from "./failure.ts";
import { healthRoutes } from "./health_routes.ts";
import { Intake } from "./intake.ts";
import { type Answer, clientLimits, inTurn, withClientLimits } from "./front.ts";
import { defaultHttpLimits, type HttpLimits } from "./limits.ts";
import { LargeAnswers } from "./large_answers.ts";
import { LiveFeed } from "./live_feed.ts";
import { createHttpMetrics } from "./metrics.ts";
import { MovingActors } from "./moving.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { checkOrigin } from "./origin.ts";
import { pageRoutes } from "./page_routes.ts";
import { ActorReader } from "./reader.ts";
import type { Route } from "./route.ts";
import { rawPath } from "./request_url.ts";
import { createRouter } from "./router.ts";
import { failed, type Fetch, type Shared } from "./shared.ts";
import { storeReads } from "./store_reads.ts";
import type { RemoteWriteReceiver } from "../sources/remote_write/receiver.ts";
import { remoteWriteRoutes } from "./remote_write_route.ts";
import { FrequentOffers } from "../rules/offering.ts";
import { importRoute } from "./import_route.ts";
import { resultsRoutes } from "./results_routes.ts";
import { suspensionRoutes } from "./suspension_routes.ts";
import { checkToken } from "./token.ts";
import { Turns } from "./turns.ts";

export interface AppOptions {
  readonly engine: Engine;
  /** What confirmed checkpoints publish, for cached reads; null where nothing is. */
  readonly published: Pick<HotState, "get"> | null;
  /** What `Authorization: Bearer` must carry; null: nothing is asked for. */
  readonly token: string | null;
  /** The product's metrics; those of the HTTP edge are added, and `/metrics` prints them beside the engine's. */
  readonly registry: Registry;
  /** Counts forecasts for whoever asks; its own in the registry unless given. */
  readonly forecasts?: ForecastMetrics;
  /** The program's version, for the OpenAPI document. */
  readonly version: string;
  readonly log: LogFailure;
  /** Hears of every request that is answered: `path` as in the OpenAPI document, or "unknown". */
  readonly onAnswered?: (request: Request, path: string, status: number) => void;
  /** Takes what Prometheus writes. */
  readonly remoteWrite?: RemoteWriteReceiver;
  /** How long the node keeps history. */
  readonly retentionMs?: number;
  /** Where results are stored; null while that cannot be reached. */
  readonly results?: () => ResultTables | null;
  readonly limits?: Partial<HttpLimits>;
  /** Of whose `X-Forwarded-For` is known whose request it is; none unless given. */
  readonly trustedProxies?: TrustedProxies;
  /** By which rates are measured; it never goes back. */
  readonly nowMs?: () => number;
}

export interface App {
  readonly fetch: Fetch;
  /** The same for the operator's port: health, metrics and backups only. */
  readonly adminFetch: Fetch;
  /** What the live page follows: sources note there what they move. */
  readonly moving: MovingActors;
  /** Ends the live feed and every timer. */
  close(): void;
}

/** Of the source that says what is taken of remote write, what this node has taken. */
function receivedHere(receiver: RemoteWriteReceiver | undefined): KnownHere {
  return (spec) => Object(spec).type === "remote-write" ? { received: receiver?.received } : {};
}

export function createApp(options: AppOptions): App {
  const { engine, published, token, registry, version, log, nowMs = () => performance.now() } = options;
  const limits = { ...defaultHttpLimits, ...options.limits };
  const kinds = collections.map(({ type }) => type.kind);
  const metrics = createHttpMetrics(registry, kinds);
  const moving = new MovingActors(kinds);
  const feed = new LiveFeed({ engine, moving, limits, log });
  const bodies = new Bodies(limits);
  const intake = new Intake({ engine, bodies, limits, metrics, moving, nowMs });
  const deadlines = new Deadlines(limits.askDeadlineMs);
  const context = {
    engine,
    limits,
    bodies,
    deadlines,
    store: storeReads(engine, deadlines),
    reader: new ActorReader({ engine, published, limits, log }),
  };
  const offers = new FrequentOffers(engine, nowMs);
  const health = healthRoutes({ engine, productMetrics: () => registry.metrics() });
  const routes: readonly Route[] = [
    ...collections.flatMap((collection) => [
      intakeRoute(collection, intake, limits),
      ...collectionRoutes(collection, context),
    ]),
    importRoute(series, {
      ...context,
      metrics,
      offers,
      retentionMs: options.retentionMs ?? null,
    }),
    ...options.remoteWrite === undefined ? [] : remoteWriteRoutes(options.remoteWrite, context),
    ...analysisRoutes({ ...context, forecasts: options.forecasts ?? new ForecastMetrics(registry) }),
    ...resultsRoutes({ ...context, tables: options.results ?? (() => null) }),
    ...configuredKinds.flatMap((kind) =>
      configuredRoutes(kind, context, {
        knownHere: receivedHere(options.remoteWrite),
        onChanged: () => offers.forget(),
      })
    ),
    ...actorRoutes(context),
    ...suspensionRoutes(context),
    ...deadLetterRoutes(context),
    ...clusterRoutes(engine),
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
  const adminRouter = createRouter([...health, ...backupRoutes(engine.backups)], shared);
  const turns = new Turns(limits.maxTurnWaitMs, nowMs);
  const limited = withClientLimits(
    withHotPath(router, collections, intake, shared),
    clientLimits(limits, options.trustedProxies ?? { has: () => false }, nowMs),
    shared,
  );
  return {
    fetch: inTurn(limited, turns, shared),
    adminFetch: inTurn(withClientLimits(adminRouter, null, shared), turns, shared),
    moving,
    close: () => {
      feed.close();
      bodies.close();
      deadlines.close();
      answerDeadlines.close();
    },
  };
}

/** The ways in are answered before the router: it would cost each body more than parsing an item does. */
function withHotPath(
  router: Answer,
  all: readonly Collection[],
  intake: Intake,
  shared: Shared,
): Answer {
  const { token, answered } = shared;
  const byPath = new Map(all.map((collection) => [`/${collection.intakePath}`, collection.type]));
  return async (request, visit) => {
    const path = rawPath(request);
    const type = request.method === "POST" ? byPath.get(path) : undefined;
    if (type === undefined) return router(request, visit);
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
