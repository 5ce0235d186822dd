/** Two nodes of one process on real servers: shards go from one to the other and back, under load. */

import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import { eventually } from "../services/eventually.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { counted, deadlineMs } from "./engine_harness.ts";
import { owned, ServerNodes, untilOwned } from "./server_nodes.ts";

const counters = 30;

/** A cluster, and what was sent to it. */
class Stage extends ServerNodes {
  /** By counter. */
  readonly sent = new Array<number>(counters).fill(0);
  #bodies = 0;
  #isLoading = true;

  constructor() {
    super("owning");
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
      const { nodes } = this;
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

  override async [Symbol.asyncDispose](): Promise<void> {
    this.endLoad();
    await super[Symbol.asyncDispose]();
  }
}

Deno.test({
  name:
    "everything sent is folded once while a second node joins, leaves, joins again, and the first leaves for good",
  ignore: skipUnlessServed("nodes that share shards", ["kafka", "mysql"]),
  async fn() {
    await using stage = new Stage();
    const first = await stage.start("first");
    assert.equal(owned(first), stage.shards);
    const loading = stage.load();
    const second = await stage.start("second");
    await Promise.all([untilOwned(first, 2), untilOwned(second, 2)]);
    const kept = first.status().shards.filter(({ state }) => state === "running");
    assert.deepEqual(kept.map(({ epoch }) => epoch), [1, 1], "shards that stayed kept their epochs");
    second.killHost(0, "the test ends it");
    await stage.stop(second);
    await untilOwned(first, stage.shards);
    const third = await stage.start("third");
    await Promise.all([untilOwned(first, 2), untilOwned(third, 2)]);
    await stage.stop(first);
    await untilOwned(third, stage.shards);
    stage.endLoad();
    await loading;
    const totals = await Promise.all(stage.sent.map((_, n) => counted(third, `c-${n}`)));
    assert.deepEqual(totals.map(({ total }) => total), stage.sent);
    assert.ok(stage.sent.every((count) => count > 0), "all were sent to");
    const { owner } = (await third.store.rows())[0]!;
    assert.match(owner, /\/third\/host-0$/);
  },
});
