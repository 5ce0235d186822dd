/**
 * What becomes of the methods that forecast. Counted where compute threads' results are received: no total goes down when a
 * thread dies. The labels are known words: never a series' name.
 */

import { Counter, type Registry } from "../../runtime/prom_client.ts";
import { families, type MethodOutcome, methodOutcomes } from "../analytics/forecasts/families.ts";

export class ForecastMetrics {
  readonly #fits: Counter<"method" | "outcome">;

  constructor(registry: Registry) {
    this.#fits = new Counter({
      name: "sensorium_forecast_fits_total",
      help:
        "Methods in forecasts' competitions, by what became of them; fallback: a chosen one failed later.",
      labelNames: ["method", "outcome"],
      registers: [registry],
    });
    // A rate needs its zero.
    for (const method of families) {
      for (const outcome of methodOutcomes) this.#fits.inc({ method, outcome }, 0);
    }
  }

  made(methods: readonly MethodOutcome[]): void {
    for (const { family, outcome } of methods) this.#fits.inc({ method: family, outcome });
  }
}
