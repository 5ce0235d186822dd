/** Rules that come with the program: a node that was given nothing shows what it can do. */

import { RuleSpec } from "./rule_spec.ts";

/** Five series that every machine has: processor, memory twice, load of a minute, the first disk. */
const everyMachine = "host_cpu_percent|host_memory_used_percent|host_memory_available_bytes|host_load|" +
  "host_disk_used_percent";

export const defaultRules: Readonly<Record<string, RuleSpec>> = {
  "default-forecasts": RuleSpec.parse({
    match: `{__name__=~"${everyMachine}",period=~"1m|",path=~"/|"}`,
    do: ["values", "metadata", "forecast", "anomalies"],
    max: 5,
  }),
};
