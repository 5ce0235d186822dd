/** What engines publish to a real Redis server: nothing unconfirmed, again what was flushed, and only their store's. */

import assert from "node:assert/strict";
import type { Server } from "../../deploy/services/server.ts";
import { Redis } from "../../runtime/hot/redis/client.ts";
import { hotKey } from "../../runtime/hot/port.ts";
import { redisSettings } from "../../runtime/hot/redis/settings.ts";
import { machineClock } from "../../runtime/node/clock.ts";
import { HotPublishing } from "../../runtime/node/hot_publishing.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { ownRedis, skipUnlessServersInstalled } from "../services/own_server.ts";
import { add, deadlineMs, startCounters } from "./engine_harness.ts";

const ignore = skipUnlessServersInstalled("What an engine publishes", ["redis"]);

interface Bench {
  readonly engine: EmbeddedEngine;
  readonly publishing: HotPublishing;
  readonly redis: Server;
  /** The counter's total as Redis has it, once it is so. */
  has(id: string, total: number): Promise<unknown>;
}

async function withPublishing(test: (bench: Bench) => Promise<void>): Promise<void> {
  await using own = await ownRedis();
  await publishingTo(own.server, test);
}

/** An engine on a folder of its own. */
function publishingTo(redis: Server, test: (bench: Bench) => Promise<void>): Promise<void> {
  return withFolder(async (dataDir) => {
    const publishing = new HotPublishing({
      settings: redisSettings(redis.address, { prefix: "p" }),
      clock: machineClock,
      report: () => {},
      registry: new Registry(),
    });
    const engine = await startCounters(dataDir, { onPublished: publishing.onPublished });
    publishing.follow(engine);
    const has = (id: string, total: number) =>
      eventually(`counter ${id} to have ${total} in Redis`, 10_000, async () => {
        const entry = await publishing.hot.get(hotKey({ kind: "counter", id }, "state"));
        return entry !== null && JSON.parse(entry.json).total === total ? true : null;
      });
    try {
      await test({ engine, publishing, redis, has });
    } finally {
      await engine.stop(deadlineMs);
      await publishing.close();
    }
  });
}

Deno.test(
  "Engine publishes changed actors, and those in memory again after a flush",
  { ignore },
  () =>
    withPublishing(async ({ engine, redis, has }) => {
      for (const id of ["a", "b", "c"]) await add(engine, id, 2);
      for (const id of ["a", "b", "c"]) await has(id, 2);
      const client = new Redis(redis.address);
      await client.flushall();
      await client.quit();
      for (const id of ["a", "b", "c"]) await has(id, 2);
    }),
);

Deno.test("Engine on a new store takes the prefix over from the one before", { ignore }, async () => {
  await using own = await ownRedis();
  await publishingTo(own.server, async ({ engine, has }) => {
    for (let n = 1; n <= 5; n++) await add(engine, "a", 1);
    await has("a", 5);
  });
  await publishingTo(own.server, async ({ engine, has }) => {
    await add(engine, "a", 1);
    await has("a", 1);
  });
});

Deno.test(
  "Engine publishes what a dead host had folded once the next one has a checkpoint of it",
  { ignore },
  () =>
    withPublishing(async ({ engine, publishing, has }) => {
      await add(engine, "a", 1);
      await has("a", 1);
      await add(engine, "a", 1);
      engine.killHost(0, "a drill");
      engine.killHost(1, "a drill");
      // The hosts that are started keep this thread busy for longer than a read may take.
      const entry = await eventually("Redis to be read", deadlineMs, async () => {
        return await publishing.hot.get(hotKey({ kind: "counter", id: "a" }, "state")).catch(() => null);
      });
      assert.ok([1, 2].includes(JSON.parse(entry.json).total));
      await add(engine, "a", 1);
      await has("a", 3);
    }),
);

Deno.test(
  "Engine goes on while Redis is stopped, and fills it when it is back",
  { ignore },
  () =>
    withPublishing(async ({ engine, redis, has }) => {
      await add(engine, "a", 1);
      await has("a", 1);
      await redis.pause();
      for (let n = 0; n < 20; n++) await add(engine, `s${n}`, 1);
      await engine.flush(deadlineMs);
      await redis.resume();
      await has("s19", 1);
    }),
);
