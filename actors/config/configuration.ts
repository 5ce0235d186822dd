/**
 * What the program and the configuration file want, told to the actors that keep it.
 *
 * 1. It is told at every start, by every node: who has heard it already changes nothing.
 * 2. What the file named at an earlier start and names no more is taken back. Without a file nothing is taken back.
 */

import type { Json } from "../../runtime/core/actor.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { backoffMs } from "../../runtime/node/retry.ts";
import { pause } from "../pause.ts";
import type { RuleSpec } from "../rules/rule_spec.ts";
import type { ConfigFile } from "./config_file.ts";
import type { Origin } from "./configured.ts";
import { namesOf } from "./configured_names.ts";

export interface ConfigurationOptions {
  readonly engine: Pick<Engine, "batch" | "store">;
  /** Rules that come with the program. */
  readonly defaults: Readonly<Record<string, RuleSpec>>;
  /** Null: there is no file. */
  readonly config: ConfigFile | null;
  readonly signal: AbortSignal;
  warn(sentence: string): void;
}

type Entries = Readonly<Record<string, Json>>;

/**
 * Resolves when it is durable.
 *
 * @param entries the file's; undefined: there is no file
 */
async function tellKind(
  { engine }: ConfigurationOptions,
  kind: string,
  entries: Entries | undefined,
  defaults: Entries,
): Promise<void> {
  const batch = engine.batch();
  const add = (name: string, configure: Json, origin: Origin) => batch.add(kind, name, { configure, origin });
  for (const [name, spec] of Object.entries(defaults)) add(name, spec, "default");
  if (entries !== undefined) {
    for (const name of await namesOf(engine.store, kind)) {
      if (!Object.hasOwn(entries, name)) add(name, null, "file");
    }
    for (const [name, spec] of Object.entries(entries)) add(name, spec, "file");
  }
  if (batch.size > 0) await batch.send();
}

async function tell(options: ConfigurationOptions): Promise<void> {
  const { defaults, config } = options;
  // Rules first: they are to know the series that sources bring.
  await tellKind(options, "rule", config?.rules, defaults);
  await tellKind(options, "source", config?.sources, {});
}

/** Resolves once `signal` is aborted; until all is told it tries again, with growing pauses. */
export async function runConfiguration(options: ConfigurationOptions): Promise<void> {
  const { signal, warn } = options;
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await tell(options);
      break;
    } catch (thrown) {
      if (failures === 1) warn(`Cannot tell sources and rules of the configuration: ${errorMessage(thrown)}`);
      await pause(backoffMs(failures), signal);
    }
  }
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
}
