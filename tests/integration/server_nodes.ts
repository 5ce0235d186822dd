/** Nodes of one process on real servers: a cluster of a test's own. */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { type EmbeddedEngine, type EngineOptions, startEngine } from "../../runtime/node/node.ts";
import type { Door } from "../../runtime/node/peer_door.ts";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { serverAddress, uniqueName } from "../services/servers.ts";
import { deadlineMs, definitionsUrl } from "./engine_harness.ts";

const shards = 4;

export class ServerNodes implements AsyncDisposable {
  readonly prefix: string;
  readonly #brokers = serverAddress("kafka").split(",");
  readonly #mysql = newDatabase();
  /** Those that run, each with where the others ask it. */
  readonly #nodes = new Map<EmbeddedEngine, Deno.HttpServer>();

  constructor(name: string) {
    this.prefix = uniqueName(name);
  }

  get nodes(): readonly EmbeddedEngine[] {
    return [...this.#nodes.keys()];
  }

  get shards(): number {
    return shards;
  }

  async start(name: string, options: Partial<EngineOptions> = {}): Promise<EmbeddedEngine> {
    let door: Door | null = null;
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => door?.(request) ?? new Response(null, { status: 503 }),
    );
    const engine = await startEngine({
      definitionsUrl,
      dataDir: "",
      servers: {
        kafka: { brokers: this.#brokers, tls: null, sasl: null, prefix: this.prefix },
        mysql: this.#mysql,
      },
      member: { name: `${this.prefix}/${name}`, url: `http://127.0.0.1:${server.addr.port}`, dead: [] },
      shards,
      threads: 2,
      onDoor: (opened) => door = opened,
      onFatal: (error) => assert.fail(`The engine lost a thread: ${error.message}`),
      ...options,
    });
    this.#nodes.set(engine, server);
    return engine;
  }

  async stop(engine: EmbeddedEngine): Promise<void> {
    const server = this.#nodes.get(engine);
    this.#nodes.delete(engine);
    await engine.stop(deadlineMs);
    await server?.shutdown();
  }

  /** Nobody reaches it any more, though it lives. */
  async cutOff(engine: EmbeddedEngine): Promise<void> {
    await this.#nodes.get(engine)?.shutdown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((engine) => this.stop(engine)));
    const admin = new Kafka({ brokers: this.#brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    await admin.deleteTopics({ topics });
    await admin.disconnect();
    await dropDatabase(this.#mysql);
  }
}

export function owned(engine: EmbeddedEngine): number {
  return engine.status().shards.filter(({ state }) => state === "running").length;
}

export function untilOwned(engine: EmbeddedEngine, count: number): Promise<true> {
  return eventually(
    `${count} shards of one node`,
    deadlineMs,
    () => Promise.resolve((engine.status().ready && owned(engine) === count) || null),
  );
}
