/** What a page says of the types of its metrics: which of its series are counters. */

/** Suffixes of the series of a family whose values only grow, by the family's type. */
const growing: Readonly<Record<string, readonly string[]>> = {
  // The text format's families have the suffix in their names.
  counter: ["", "_total"],
  histogram: ["_bucket", "_count", "_sum"],
  summary: ["_count", "_sum"],
};

export class MetricTypes {
  readonly #types = new Map<string, string>();

  set(family: string, type: string): void {
    this.#types.set(family, type);
  }

  isCounter(name: string): boolean {
    const isOf = (family: string, suffix: string) =>
      growing[this.#types.get(family) ?? ""]?.includes(suffix) ?? false;
    if (isOf(name, "")) return true;
    const suffix = /_(?:total|bucket|count|sum)$/.exec(name)?.[0];
    return suffix !== undefined && isOf(name.slice(0, -suffix.length), suffix);
  }
}
