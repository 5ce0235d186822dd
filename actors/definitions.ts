/** The product's actors. Every thread that folds shards imports this module, and has its own memory for panes. */

import type { AnyDefinition } from "../runtime/core/registry.ts";
import { SlabPool } from "./analytics/slab.ts";
import { sensorDefinition } from "./sensors/sensor.ts";
import { seriesDefinition } from "./series/series.ts";

export function definitions(): AnyDefinition[] {
  const pool = new SlabPool();
  return [sensorDefinition(pool), seriesDefinition(pool)];
}
