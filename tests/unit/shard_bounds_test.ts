/** Shards at their bounds: nothing is lost, and nothing waits for ever. */

import assert from "node:assert/strict";
import { z } from "zod";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { ShardDriver } from "./shard_driver.ts";

const shards = 3;

/** One id for each shard. */
const ids = Array.from({ length: shards }, (_, shard) => {
  for (let number = 0;; number++) {
    if (shardOf(`id${number}`, shards) === shard) return `id${number}`;
  }
});

const Hop = z.object({ left: z.number() });
const Hops = z.object({ passed: z.number(), ended: z.number() });

/** Passes what it gets on to the next shard of the ring, so often as the message says. */
const passer = defineActor<z.infer<typeof Hops>, z.infer<typeof Hop>>({
  kind: "passer",
  state: jsonState({ schema: Hops, initial: () => ({ passed: 0, ended: 0 }) }),
  message: {
    version: 1,
    schema: Hop,
    accepts: (value): value is z.infer<typeof Hop> => Hop.safeParse(value).success,
  },
  receive(state, { left }, context) {
    if (left === 0) {
      state.ended++;
      return;
    }
    state.passed++;
    const next = (ids.indexOf(context.self.id) + 1) % shards;
    context.send({ kind: "passer", id: ids[next]! }, { left: left - 1 });
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
});

/** Puts what the shards of a ring have sent into each other's logs; false when they have sent nothing. */
function exchange(ring: readonly ShardDriver[]): boolean {
  const appends = ring.map((driver) => driver.heldAppends.splice(0));
  appends.forEach((sent, source) => {
    for (const append of sent) {
      ring[append.target]!.appendText(0, append.text);
      ring[source]!.acknowledge(append);
    }
  });
  return appends.some((sent) => sent.length > 0);
}

Deno.test("Shards of a ring come to rest when the outboxes of all are full at once", () => {
  const [messages, hops] = [5, 4];
  const limits = { maxUnackedFrames: 1, maxFrameMessages: 1, effectDelayMs: 0 };
  const ring = ids.map((_, shard) => new ShardDriver(new Registry([passer]), limits, shard, shards));
  ring.forEach((driver, shard) => {
    driver.holdsAppends = true;
    driver.start();
    for (let n = 0; n < messages; n++) driver.append(0, ["passer", ids[shard]!, { left: hops }]);
    driver.settle();
  });
  for (const driver of ring) {
    assert.equal(driver.heldAppends.length, 1);
    assert.ok(driver.shard.gauges().queuedFrames > 0, "A shard with a full outbox went on folding");
  }

  // One frame of each shard a round, and no more rounds than there are frames of one.
  let rounds = 0;
  while (exchange(ring)) {
    assert.ok(++rounds <= messages * hops, `After ${rounds} rounds the ring has not come to rest`);
    for (const driver of ring) driver.settle();
  }
  ring.forEach((driver, shard) => {
    assert.equal(driver.shard.gauges().folded, driver.log.length - 1);
    assert.deepEqual(driver.ask("passer", ids[shard]!), { passed: messages * hops, ended: messages });
    assert.equal(driver.shard.counters.deadLetters, 0);
  });
});

const Count = z.object({ heard: z.number(), last: z.number() });
const Order = z.object({ times: z.number() }).or(z.object({ n: z.number() }));

/** Told a number of times, it sends so many numbered messages to "sink". */
const counter = defineActor<z.infer<typeof Count>, z.infer<typeof Order>>({
  kind: "counter",
  state: jsonState({ schema: Count, initial: () => ({ heard: 0, last: 0 }) }),
  message: {
    version: 1,
    schema: Order,
    accepts: (value): value is z.infer<typeof Order> => typeof value === "object" && value !== null,
  },
  receive(state, order, context) {
    if ("n" in order) {
      state.heard++;
      state.last = order.n;
      return;
    }
    for (let n = 1; n <= order.times; n++) context.send({ kind: "counter", id: "sink" }, { n });
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
});

Deno.test("Shard dead-letters the one local turn past 10,000, and loses nothing else", () => {
  assert.equal(defaultShardLimits.maxLocalTurns, 10_000);
  const driver = new ShardDriver(new Registry([counter]));
  driver.start();
  driver.append(
    1,
    ["counter", "source", { times: 10_001 }],
    ["counter", "source", { times: 1 }],
    ["counter", "other", { n: 7 }],
  );
  driver.append(2, ["counter", "other", { n: 8 }]);
  assert.deepEqual(driver.ask("counter", "sink"), { heard: 10_001, last: 1 });
  assert.deepEqual(driver.ask("counter", "other"), { heard: 2, last: 8 });
  driver.checkpoint();
  const letters = driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  assert.deepEqual(
    letters.map(({ reason, kind, actorId, message }) => [reason, kind, actorId, message]),
    [["too-many-local-turns", "counter", "sink", '{"n":10001}']],
  );
});
