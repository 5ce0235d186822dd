/** Engines of the tests' counters, on folders that go with the test. */

import assert from "node:assert/strict";
import { type EmbeddedEngine, type EngineOptions, startEngine } from "../../runtime/node/node.ts";
import { withFolder } from "../services/folder.ts";
import { within } from "../services/within.ts";
import type { SupervisionTree } from "../../runtime/node/supervisor.ts";

export const definitionsUrl = new URL("./engine_actors.ts", import.meta.url).href;

/** Every wait of these tests ends here, saying what it waited for. */
export const deadlineMs = 30_000;

export function startCounters(
  dataDir: string,
  options: Partial<EngineOptions> = {},
): Promise<EmbeddedEngine> {
  const onFatal = (error: Error) => assert.fail(`The engine lost a thread: ${error.message}`);
  return startEngine({ definitionsUrl, dataDir, shards: 4, threads: 2, onFatal, ...options });
}

/** Runs `test` on an engine of its own, and stops it. */
export function withEngine(
  test: (engine: EmbeddedEngine, dataDir: string) => Promise<void>,
  options: Partial<EngineOptions> = {},
): Promise<void> {
  return withFolder(async (dataDir) => {
    const engine = await startCounters(dataDir, options);
    try {
      await test(engine, dataDir);
    } finally {
      await engine.stop(deadlineMs);
    }
  });
}

/** The hosts as the tree shows them, the spare one included. */
export function hostsOf(engine: EmbeddedEngine): readonly SupervisionTree[] {
  const hosts = engine.tree().children.find(({ id }) => id === "hosts");
  assert.ok(hosts?.kind === "supervisor");
  return hosts.children;
}

export async function add(engine: EmbeddedEngine, id: string, amount: number, key?: string): Promise<void> {
  const batch = engine.batch(key);
  batch.add("counter", id, { add: amount });
  await batch.send();
}

export interface Counted {
  readonly total: number;
  readonly count: number;
}

/** The counter's state by a strict ask; zeros when it has had no message. */
export async function counted(engine: EmbeddedEngine, id: string): Promise<Counted> {
  const result = await engine.ask({ kind: "counter", id }, "state", {}, {
    consistency: "strict",
    deadlineMs,
  });
  if (result.type === "absent") return { total: 0, count: 0 };
  assert.equal(result.type, "answered", `the ask of counter/${id}`);
  return JSON.parse(result.type === "answered" ? result.json : "");
}

/** An event that another part of the test tells of; `done` waits for it until the deadline. */
export class Happening {
  readonly #what: string;
  readonly #gate = Promise.withResolvers<void>();

  constructor(what: string) {
    this.#what = what;
  }

  happened(): void {
    this.#gate.resolve();
  }

  done(): Promise<void> {
    return within(this.#what, this.#gate.promise, deadlineMs);
  }
}
