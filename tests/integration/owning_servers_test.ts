/** Two nodes of one process on real servers: shards go from one to the other and back, under load. */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { EngineError } from "../../runtime/node/engine.ts";
import { type EmbeddedEngine, startEngine } from "../../runtime/node/node.ts";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../services/servers.ts";
import { counted, deadlineMs, definitionsUrl } from "./engine_harness.ts";

const [shards, counters] = [4, 30];

/** A cluster of the test's own, and what was sent to it. */
class Stage implements AsyncDisposable {
  readonly prefix = uniqueName("owning");
  readonly #brokers = serverAddress("kafka").split(",");
  readonly #mysql = newDatabase();
  readonly #nodes = new Set<EmbeddedEngine>();
  /** By counter. */
  readonly sent = new Array<number>(counters).fill(0);
  #bodies = 0;
  #isLoading = true;

  async start(name: string): Promise<EmbeddedEngine> {
    const engine = await startEngine({
      definitionsUrl,
      dataDir: "",
      servers: {
        kafka: { brokers: this.#brokers, tls: null, sasl: null, prefix: this.prefix },
        mysql: this.#mysql,
      },
      member: { name: `${this.prefix}/${name}`, url: "", dead: [] },
      shards,
      threads: 2,
      onFatal: (error) => assert.fail(`The engine lost a thread: ${error.message}`),
    });
    this.#nodes.add(engine);
    return engine;
  }

  async stop(engine: EmbeddedEngine): Promise<void> {
    this.#nodes.delete(engine);
    await engine.stop(deadlineMs);
  }

  /** Sends to any of the nodes until `endLoad`. */
  async load(): Promise<void> {
    for (let n = 0; this.#isLoading; n++) {
      const additions = Array.from({ length: 10 }, (_, i) => (n * 7 + i) % counters);
      await this.#send(`body-${++this.#bodies}`, additions);
      for (const counter of additions) this.sent[counter]! += 1;
    }
  }

  endLoad(): void {
    this.#isLoading = false;
  }

  /** Repeats the body until it is accepted, at the next node each time. */
  async #send(key: string, additions: readonly number[]): Promise<void> {
    await eventually(`the acceptance of ${key}`, deadlineMs, async () => {
      const nodes = [...this.#nodes];
      const batch = nodes[this.#bodies % nodes.length]!.batch(key);
      for (const counter of additions) batch.add("counter", `c-${counter}`, { add: 1 });
      try {
        await batch.send();
        return true;
      } catch (thrown) {
        if (thrown instanceof EngineError) return null;
        throw thrown;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isLoading = false;
    await Promise.all([...this.#nodes].map((engine) => this.stop(engine)));
    const admin = new Kafka({ brokers: this.#brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    await admin.deleteTopics({ topics });
    await admin.disconnect();
    await dropDatabase(this.#mysql);
  }
}

function owned(engine: EmbeddedEngine): number {
  return engine.status().shards.filter(({ state }) => state === "running").length;
}

function untilOwned(engine: EmbeddedEngine, count: number): Promise<true> {
  return eventually(
    `${count} shards of one node`,
    deadlineMs,
    () => Promise.resolve((engine.status().ready && owned(engine) === count) || null),
  );
}

Deno.test({
  name:
    "everything sent is folded once while a second node joins, leaves, joins again, and the first leaves for good",
  ignore: skipUnlessServed("nodes that share shards", ["kafka", "mysql"]),
  async fn() {
    await using stage = new Stage();
    const first = await stage.start("first");
    assert.equal(owned(first), shards);
    const loading = stage.load();
    const second = await stage.start("second");
    await Promise.all([untilOwned(first, 2), untilOwned(second, 2)]);
    const kept = first.status().shards.filter(({ state }) => state === "running");
    assert.deepEqual(kept.map(({ epoch }) => epoch), [1, 1], "shards that stayed kept their epochs");
    second.killHost(0, "the test ends it");
    await stage.stop(second);
    await untilOwned(first, shards);
    const third = await stage.start("third");
    await Promise.all([untilOwned(first, 2), untilOwned(third, 2)]);
    await stage.stop(first);
    await untilOwned(third, shards);
    stage.endLoad();
    await loading;
    const totals = await Promise.all(stage.sent.map((_, n) => counted(third, `c-${n}`)));
    assert.deepEqual(totals.map(({ total }) => total), stage.sent);
    assert.ok(stage.sent.every((count) => count > 0), "all were sent to");
    const { owner } = (await third.store.rows())[0]!;
    assert.match(owner, /\/third\/host-[01]$/);
  },
});
