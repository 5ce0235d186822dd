/** The HTTP edge of a node, with its settings. `main.ts` loads it while the engine opens. */

import project from "../deno.json" with { type: "json" };
import { errorMessage } from "../runtime/core/errors.ts";
import type { HotState } from "../runtime/hot/port.ts";
import { machineClock } from "../runtime/node/clock.ts";
import type { Engine } from "../runtime/node/engine.ts";
import type { Report } from "../runtime/node/notice.ts";
import type { Registry } from "../runtime/prom_client.ts";
import type { ForecastMetrics } from "./analysis/forecast_metrics.ts";
import { logOf } from "./cli/logger.ts";
import { type App, createApp } from "./http/app.ts";
import { type TellRequest, withRequestLog } from "./http/request_log.ts";
import type { NodeResults } from "./results/node_results.ts";
import type { Settings } from "./settings.ts";
import { RemoteWriteReceiver } from "./sources/remote_write/receiver.ts";

export interface AppParts {
  readonly engine: Engine;
  readonly published: HotState | null;
  readonly results: NodeResults;
  readonly registry: Registry;
  readonly forecasts: ForecastMetrics;
  readonly report: Report;
  readonly isTraced: boolean;
}

export interface OpenedApp {
  readonly app: App;
  readonly receiver: RemoteWriteReceiver;
}

export async function openApp(
  settings: Settings,
  { engine, published, results, registry, forecasts, report, isTraced }: AppParts,
): Promise<OpenedApp> {
  const log = logOf("http", report);
  const receiver = new RemoteWriteReceiver({
    engine,
    maxSeries: settings.remoteWriteMaxSeries,
    registry,
    warn: (sentence, like) => logOf("remote-write", report).warn("series-refused", sentence, { like }),
  });
  const app = createApp({
    engine,
    published,
    token: settings.token ?? null,
    retentionMs: settings.retention,
    results: () => results.tables,
    remoteWrite: receiver,
    registry,
    forecasts,
    version: project.version,
    log: (sentence, thrown) => {
      log.error("unexpected", sentence, { fields: { error: errorMessage(thrown) } });
      if (thrown instanceof Error) log.debug("stack", sentence, { fields: { stack: thrown.stack ?? "" } });
    },
    ...isTraced && { onAnswered: (await import("./http/request_spans.ts")).nameRequestSpan },
    limits: {
      maxBodyBytes: settings.bodyLimit,
      maxRatePerId: settings.maxRatePerId,
      maxRatePerClient: settings.maxRatePerClient,
    },
    ...settings.trustedProxies === undefined ? {} : { trustedProxies: settings.trustedProxies },
  });
  if (settings.logLevel !== "debug") return { app, receiver };
  const tell: TellRequest = (sentence, facts) => log.debug("request", sentence, { fields: { ...facts } });
  const logged = (fetch: App["fetch"]) => withRequestLog(fetch, tell, machineClock.nowMs);
  return { app: { ...app, fetch: logged(app.fetch), adminFetch: logged(app.adminFetch) }, receiver };
}
