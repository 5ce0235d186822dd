/** The product's actors. Every thread that folds shards imports this module, and has its own memory for panes. */

import type { AnyDefinition } from "../runtime/core/registry.ts";
import type { ActorCounters, RecordReaders } from "../runtime/node/actor_module.ts";
import { analysisDefinition } from "./analysis/analysis.ts";
import { SlabPool } from "./analytics/slab.ts";
import { ruleDefinition } from "./rules/rule.ts";
import { sensorDefinition } from "./sensors/sensor.ts";
import { windowCounts } from "./sensors/windowed_actor.ts";
import { seriesCounts, seriesDefinition } from "./series/series.ts";
import { sourceDefinition } from "./sources/prometheus/source.ts";
import { readers as recordReaders } from "./sources/records.ts";

const sensors = windowCounts("sensor");
const series = seriesCounts();

export function definitions(): AnyDefinition[] {
  const pool = new SlabPool();
  return [
    sensorDefinition(pool, sensors),
    seriesDefinition(pool, series),
    analysisDefinition(),
    ruleDefinition(),
    sourceDefinition(),
  ];
}

export function counters(): ActorCounters {
  return {
    sensor_late: sensors.late,
    sensor_duplicates: sensors.duplicates,
    sensor_too_old: sensors.tooOld,
    series_late: series.late,
    series_duplicates: series.duplicates,
    series_too_old: series.tooOld,
    series_anomalies: series.anomalies,
    series_unrated: series.unrated,
  };
}

export function readers(): RecordReaders {
  return recordReaders;
}
