/** What can be configured at run time. */

import { z } from "zod";
import { RuleSpec } from "../rules/rule_spec.ts";
import type { ConfiguredKind } from "./configured_routes.ts";

const Look = z.object({
  atMs: z.number(),
  series: z.int().meta({ description: "How many series there are." }),
  matched: z.int().meta({ description: "How many of them match." }),
});

export const rules: ConfiguredKind = {
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

export const configuredKinds: readonly ConfiguredKind[] = [rules];
