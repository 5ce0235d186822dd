/** A shard host over a log and a store in memory, in whose way tests stand. */

import assert from "node:assert/strict";
import { z } from "zod";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import type { Answer } from "../../runtime/core/shard_api.ts";
import { Shard } from "../../runtime/core/shard.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import type { MailboxLog } from "../../runtime/log/port.ts";
import { ShardHost } from "../../runtime/node/host.ts";
import type { HostMessage } from "../../runtime/node/host_protocol.ts";
import { TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import type { Store } from "../../runtime/store/port.ts";

const counter = defineActor({
  kind: "counter",
  state: jsonState({ schema: z.object({ total: z.number() }), initial: () => ({ total: 0 }) }),
  message: { version: 1, schema: z.number(), accepts: (value) => typeof value === "number" },
  receive(state: { total: number }, message: number, context) {
    state.total += message;
    if (state.total < 0) context.request("oracle", "less than nothing");
  },
  answered() {},
  queries: { state: { arguments: z.unknown(), answer: (state: { total: number }) => state } },
});
const registry = new Registry([counter]);

/** Retries wait for nothing but the next turn of the event loop. */
const clock = {
  nowMs: () => performance.now(),
  sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
};

export interface Faults {
  readonly store?: Partial<Store>;
  readonly log?: (log: MailboxLog) => Partial<MailboxLog>;
}

export class Rig {
  readonly shardCount: number;
  readonly core: MemoryStoreCore;
  readonly log: MemoryLog;
  readonly posted: HostMessage[] = [];
  readonly host: ShardHost;
  #n = 0;

  constructor(faults: Faults, shardCount: number) {
    this.shardCount = shardCount;
    this.core = new MemoryStoreCore(shardCount);
    this.log = new MemoryLog(shardCount, Date.now);
    const store = over<Store>(new MemoryStore(this.core), faults.store ?? {});
    this.host = new ShardHost({
      name: "host-test",
      owner: "host-test",
      machine: (shard, counters) =>
        new Shard({ shard, shardCount, registry, limits: defaultShardLimits, counters }),
      log: over<MailboxLog>(this.log, faults.log?.(this.log) ?? {}),
      store,
      clock,
      board: new TurnBoard(new SharedArrayBuffer(turnBoardBytes)),
      counters: {},
      tracing: null,
      post: (message) => this.posted.push(message),
    });
    this.host.start({
      number: 1,
      shards: Array.from({ length: shardCount }, (_, shard) => shard),
      deaths: {},
    });
  }

  /** Resolves with the end of the shard's log. */
  async send(amount: number, id = "a"): Promise<number> {
    const origin = { type: "gateway", start: "test", n: ++this.#n } as const;
    const text = encodeFrame({ origin, types: registry.wireTypes, entries: [0, id, amount] });
    const [receipt] = await this.log.append([{ shard: shardOf(id, this.shardCount), text }]);
    assert.ok(receipt);
    return receipt.offset + 1;
  }

  ask(folded: number, id = "a"): Promise<Answer> {
    const request = { type: "ask", kind: "counter", id, query: "state", arguments: {} } as const;
    return this.host.ask(shardOf(id, this.shardCount), folded, request);
  }

  /** Asks until the shard has stopped moving. */
  async total(folded: number, id = "a"): Promise<number> {
    for (;;) {
      const answer = await this.ask(folded, id);
      if (answer.type === "moved") {
        await clock.sleep();
        continue;
      }
      assert.equal(answer.type, "answered");
      return answer.type === "answered" ? JSON.parse(answer.json).total : NaN;
    }
  }

  async flush(folded: number, shard = 0): Promise<void> {
    const answer = await this.host.ask(shard, folded, { type: "barrier" });
    assert.equal(answer.type, "answered");
  }

  async failures(): Promise<Map<string, number>> {
    const metric = (await this.host.metrics()).find(({ name }) => name === "sensorium_io_failures_total");
    return new Map(
      metric?.values.map(({ labels, value }) => [`${labels["operation"]}: ${labels["code"]}`, value]),
    );
  }

  async end(): Promise<void> {
    await this.host.stop();
    await this.log.close();
  }
}

/** `base` with some of its methods replaced. */
function over<T extends object>(base: T, methods: Partial<T>): T {
  return new Proxy(base, {
    get(target, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export async function withRig(
  faults: Faults,
  test: (rig: Rig) => Promise<void>,
  shardCount = 1,
): Promise<void> {
  const rig = new Rig(faults, shardCount);
  try {
    await test(rig);
  } finally {
    await rig.end();
  }
}

/** Lets the event loop turn until `holds`. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < endMs, `Waited 10 s for ${what}`);
    await clock.sleep();
  }
}
