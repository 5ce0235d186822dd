/** What a node knows of the targets that it scrapes, in memory. */

import { maxKnownSeries } from "./limits.ts";
import type { TargetSpec } from "./source_spec.ts";
import { TargetSeries } from "./target_series.ts";

export class KnownTargets {
  /** By the source's name; the one that was read last is the last. */
  readonly #targets = new Map<string, { readonly text: string; readonly series: TargetSeries }>();

  /** Of a source that is configured so. */
  get(name: string, spec: TargetSpec): TargetSeries {
    const text = JSON.stringify(spec);
    const known = this.#targets.get(name);
    this.#targets.delete(name);
    const target = known?.text === text ? known : { text, series: new TargetSeries(spec, name) };
    this.#targets.set(name, target);
    return target.series;
  }

  /** Forgets those that were not read for the longest time while all together know too many series. */
  bound(): void {
    let known = [...this.#targets.values()].reduce((sum, { series }) => sum + series.size, 0);
    for (const [name, { series }] of this.#targets) {
      if (known <= maxKnownSeries || this.#targets.size === 1) return;
      this.#targets.delete(name);
      known -= series.size;
    }
  }
}
