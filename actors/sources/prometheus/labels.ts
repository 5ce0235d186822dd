/** What a source makes of the names and labels that it reads. */

import type { Labels, SeriesParts } from "../../series/sample.ts";

/**
 * A series with the labels of its source. A label of its own that is called the same is kept as `exported_…`, as
 * Prometheus does without `honor_labels`
 * (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config).
 */
export function withLabels({ name, labels }: SeriesParts, sources: Labels): SeriesParts {
  const all: Record<string, string> = { ...sources };
  for (const [label, value] of Object.entries(labels)) {
    let free = label;
    while (Object.hasOwn(sources, free) || (free !== label && Object.hasOwn(labels, free))) {
      free = `exported_${free}`;
    }
    all[free] = value;
  }
  return { name, labels: all };
}

export function renamed({ name, labels }: SeriesParts, rename: Labels): SeriesParts {
  return { name: Object.hasOwn(rename, name) ? rename[name]! : name, labels };
}

/** `host:port` of a target, as its label `instance` has it. */
export function instanceOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === "" ? protocol === "https:" ? "443" : "80" : port}`;
}
