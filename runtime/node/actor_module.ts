/**
 * The module that names a program's actors. Every host thread and the main thread import it by its URL:
 *
 *     export function definitions(): AnyDefinition[] { return [counter, alarm]; }
 *     export function counters(): ActorCounters { return { readings_late: late }; }      // optional
 *     export function readers(): RecordReaders { return { reading: readReading }; }      // optional
 *
 * A program may be its own module of actors (`import.meta.url`), unless it awaits the engine at its top level: the
 * import would wait for the program, and the program for the import.
 *
 * `readers` read the records of foreign topics that are folded directly: which one of which topic is an option of the
 * engine. What one makes of a record depends on the record alone: it is read again after a crash.
 *
 * `counters` shows what turns count for `/metrics`, per thread: `readings_late` becomes
 * `sensorium_readings_late_total`. A turn may only ever increase them, never read them; a refold counts again.
 */

import { type AnyDefinition, Registry } from "../core/registry.ts";
import { errorMessage } from "../core/errors.ts";
import type { ReadRecord, RecordSink } from "../core/records.ts";

export interface ActorCounter {
  /** One line for whoever reads the metrics. */
  readonly help: string;
  value: number;
}

/** By name: lower-case letters and `_`, without prefix and without `_total`. */
export type ActorCounters = Readonly<Record<string, ActorCounter>>;

/** By name. What one throws refuses the record. */
export type RecordReaders = Readonly<Record<string, (value: string, sink: RecordSink) => void>>;

export interface ActorModule {
  readonly registry: Registry;
  readonly counters: ActorCounters;
}

/**
 * Imports the module; throws an error that says what it lacks.
 *
 * @param topics foreign ones, each with the name of its reader
 */
export async function loadActorModule(
  url: string,
  topics: Readonly<Record<string, string>> = {},
): Promise<ActorModule> {
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } catch (thrown) {
    throw new Error(`Cannot import the actors' definitions from ${url}: ${errorMessage(thrown)}`, {
      cause: thrown,
    });
  }
  const definitions = listOf(module["definitions"]);
  if (definitions === null) {
    throw new Error(
      `${url} does not export a function definitions() that returns a list of actor definitions`,
    );
  }
  const readRecord = recordReader(topics, module["readers"], url);
  return { registry: new Registry(definitions, readRecord), counters: countersOf(module["counters"], url) };
}

function recordReader(
  topics: Readonly<Record<string, string>>,
  exported: unknown,
  url: string,
): ReadRecord | null {
  const named = Object.entries(topics);
  if (named.length === 0) return null;
  const readers = (typeof exported === "function" ? exported() : {}) as RecordReaders;
  const byTopic = new Map(named.map(([topic, name]) => {
    const read = readers[name];
    if (typeof read !== "function") throw new Error(`${url} has no reader "${name}", which ${topic} needs`);
    return [topic, read];
  }));
  return (topic, value, sink) => byTopic.get(topic)?.(value, sink);
}

function listOf(exported: unknown): readonly AnyDefinition[] | null {
  if (typeof exported !== "function") return null;
  const list: unknown = exported();
  if (!Array.isArray(list) || !list.every((item) => typeof item?.receive === "function")) return null;
  return list;
}

function countersOf(exported: unknown, url: string): ActorCounters {
  if (typeof exported !== "function") return {};
  const counters: unknown = exported();
  if (typeof counters !== "object" || counters === null) {
    throw new Error(`counters() of ${url} returns no record of counters`);
  }
  for (const name of Object.keys(counters)) {
    if (!/^[a-z][a-z_]*$/.test(name)) throw new Error(`"${name}" in counters() of ${url} is not [a-z_]+`);
  }
  return counters as ActorCounters;
}
