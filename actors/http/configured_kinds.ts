/** What can be configured at run time. */

import { z } from "zod";
import { RuleSpec } from "../rules/rule_spec.ts";
import { ScrapeAnswer } from "../sources/prometheus/scrape_messages.ts";
import { HttpSourceSpec, misnamed, SourceSpec } from "../sources/prometheus/source_spec.ts";
import type { ConfiguredKind } from "./configured_routes.ts";

const Look = z.object({
  atMs: z.number(),
  series: z.int().meta({ description: "How many series there are." }),
  matched: z.int().meta({ description: "How many of them match." }),
});

const rules: ConfiguredKind = {
  kind: "rule",
  path: "rules",
  noun: "rule",
  spec: RuleSpec,
  example: {
    name: "node",
    spec: { match: '{__name__=~"node_.*",mode!="idle"}', do: ["rate", "metadata", "anomalies"], max: 100 },
  },
  state: z.object({
    spec: RuleSpec,
    origin: z.enum(["file", "http", "default"]).nullable(),
    selected: z.int().meta({ description: "Series that it has selected." }),
    beyond: z.int().meta({ description: "Series that match beyond its `max`." }),
    untold: z.int().meta({ description: "Series that are yet to be told." }),
    look: Look.nullable(),
    failure: z.string().nullable(),
    series: z.array(z.string()),
  }),
};

const sources: ConfiguredKind = {
  kind: "source",
  path: "sources",
  noun: "source",
  spec: HttpSourceSpec,
  misnamed: (name, spec) => misnamed(name, SourceSpec.parse(spec)),
  example: {
    name: "host",
    spec: { type: "target", url: "http://127.0.0.1:9100/metrics", every: "15s", max: 5000 },
  },
  state: z.object({
    spec: SourceSpec,
    origin: z.enum(["file", "http", "default"]).nullable(),
    isUp: z.boolean().nullable().meta({ description: "Whether the last reading succeeded; null before it." }),
    last: ScrapeAnswer.nullable().meta({ description: "What the last reading found and refused." }),
    failure: z.string().nullable().meta({ description: "Why the last reading failed." }),
    failures: z.int().meta({ description: "Readings that failed since the last that succeeded." }),
    readings: z.int(),
    received: z.object({
      series: z.int(),
      samples: z.record(z.string(), z.int()),
    }).exactOptional().meta({
      description:
        "Of remote write: series that were taken by the node that answers, and samples by what became of them, since " +
        "its start or another configuration.",
    }),
    readTo: z.string().nullable().meta({ description: "Of a Prometheus server: how far it was read." }),
    behindMs: z.number().nullable().meta({
      description: "Of a Prometheus server: how much is yet to be read.",
    }),
  }),
};

export const configuredKinds: readonly ConfiguredKind[] = [sources, rules];
