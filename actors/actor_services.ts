/** What actors may ask for: the services of a node, by the names that actors know. */

import type { Engine } from "../runtime/node/engine.ts";
import type { Report } from "../runtime/node/notice.ts";
import type { Service } from "../runtime/node/service.ts";
import { Histogram, type Registry } from "../runtime/prom_client.ts";
import type { ResultTopic } from "./results/feed.ts";
import { logOf } from "./cli/logger.ts";
import { resultsService } from "./results/results_service.ts";
import { analysisService } from "./analysis/analysis_service.ts";
import type { ForecastMetrics } from "./analysis/forecast_metrics.ts";
import type { TimeLogs } from "./analysis/time_logs.ts";
import { selectorService } from "./rules/selector.ts";
import { ScrapeMetrics } from "./sources/prometheus/scrape_metrics.ts";
import { scrapeService } from "./sources/prometheus/scraper.ts";

export interface ActorServicesOptions {
  /** Once it runs: nothing is asked before. */
  readonly engine: Promise<Engine>;
  /** Once it can be reached. */
  readonly results: Promise<ResultTopic>;
  readonly registry: Registry;
  readonly forecasts: ForecastMetrics;
  /** Null: nobody asked for them. */
  readonly timeLogs: TimeLogs | null;
  readonly report: Report;
}

export function actorServices(
  { engine, results, registry, forecasts, timeLogs, report }: ActorServicesOptions,
): readonly Service[] {
  const seconds = new Histogram({
    name: "sensorium_analysis_seconds",
    help: "How long analyses took that found something: reading, waiting for a thread, and computing.",
    labelNames: ["task"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  const sourceLog = logOf("sources", report);
  return [
    analysisService({
      engine,
      forecasts,
      onTook: (task, series, tookMs) => {
        seconds.observe({ task }, tookMs / 1000);
        timeLogs?.record(task, series, tookMs);
      },
      nowMs: () => performance.now(),
    }),
    selectorService(engine),
    resultsService(results),
    scrapeService({
      engine,
      metrics: new ScrapeMetrics(registry),
      warn: (sentence) => sourceLog.warn("source-failed", sentence, { like: sentence }),
      info: (sentence) => sourceLog.info("source-works", sentence, { like: sentence }),
    }),
  ];
}
