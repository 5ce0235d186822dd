/** Metrics of scraping. The labels are known reasons and outcomes: never a source's name. */

import { Counter, Histogram, type Registry } from "../../../runtime/prom_client.ts";
import { failureCodes, refusals, type ScrapeAnswer } from "./scrape_messages.ts";
import type { ReadSpec } from "./source_spec.ts";

export class ScrapeMetrics {
  readonly #scrapes: Counter<"outcome">;
  readonly #samples: Counter;
  readonly #refused: Counter<"reason">;
  readonly #stale: Counter;
  readonly #resets: Counter;
  readonly #seconds: Histogram<"type">;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    this.#scrapes = new Counter({
      name: "sensorium_scrapes_total",
      help: "Readings of sources, by what became of them.",
      labelNames: ["outcome"],
      registers,
    });
    this.#samples = counter("sensorium_scrape_samples_total", "Samples of sources that were sent to series.");
    this.#refused = new Counter({
      name: "sensorium_scrape_refused_total",
      help: "Samples and lines of sources that became no value, by why.",
      labelNames: ["reason"],
      registers,
    });
    this.#stale = counter("sensorium_scrape_stale_series_total", "Series that a target showed no more.");
    this.#resets = counter("sensorium_scrape_resets_total", "Counters of targets that began anew.");
    this.#seconds = new Histogram({
      name: "sensorium_scrape_duration_seconds",
      help: "How long a source was read: asking, waiting, parsing and sending.",
      labelNames: ["type"],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60],
      registers,
    });
    // A rate needs its zero.
    for (const outcome of ["ok", ...failureCodes]) this.#scrapes.inc({ outcome }, 0);
    for (const reason of refusals) this.#refused.inc({ reason }, 0);
  }

  scraped({ type }: ReadSpec, { tookMs, samples, refused, stale, resets, failure }: ScrapeAnswer): void {
    this.#scrapes.inc({ outcome: failure?.code ?? "ok" });
    this.#seconds.observe({ type }, tookMs / 1000);
    this.#samples.inc(samples);
    this.#stale.inc(stale);
    this.#resets.inc(resets);
    for (const reason of refusals) this.#refused.inc({ reason }, refused[reason] ?? 0);
  }
}
