/** The hot state on real Redis servers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Redis } from "../../../runtime/hot/redis/client.ts";
import { type HotEntry, HotError } from "../../../runtime/hot/port.ts";
import { RedisHotState } from "../../../runtime/hot/redis/redis_hot.ts";
import { redisSettings } from "../../../runtime/hot/redis/settings.ts";
import { freePort } from "../../../deploy/services/free_port.ts";
import { ownRedis, skipUnlessServersInstalled } from "../../services/own_server.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { hotContract } from "../hot_contract.ts";

/** How long a store that is gone keeps its prefix. */
const leaseMs = 2500;

/** A state on a server, and what it tells. */
class Bench {
  readonly told: string[] = [];
  readonly hot: RedisHotState;
  #lost = Promise.withResolvers<void>();
  #failed = Promise.withResolvers<void>();

  constructor(url: string, prefix = uniqueName("hot"), ca: string | null = null, store = "store") {
    this.hot = new RedisHotState({
      leaseMs,
      settings: redisSettings(url, { prefix, ca }),
      trouble: {
        failed: (_code, sentence) => {
          this.told.push(sentence);
          this.#failed.resolve();
          this.#failed = Promise.withResolvers();
        },
        succeeded: () => {},
      },
      onLost: () => {
        this.#lost.resolve();
        this.#lost = Promise.withResolvers();
      },
    });
    this.hot.belongTo(store);
  }

  /** The next time that the state tells that its data may be gone, as with each connection. */
  get lost(): Promise<void> {
    return within("the state to be lost", this.#lost.promise);
  }

  get failed(): Promise<void> {
    return within("an outage", this.#failed.promise);
  }
}

async function connected(url: string, prefix?: string, ca?: string, store?: string): Promise<Bench> {
  const bench = new Bench(url, prefix, ca, store);
  await bench.lost;
  return bench;
}

function entry(parts: Partial<HotEntry> = {}): HotEntry {
  return {
    key: "sensor/a?windows",
    epoch: 1,
    position: 10,
    records: 0,
    atMs: Date.now(),
    json: "{}",
    ...parts,
  };
}

if (!skipUnlessServed("The contract on Redis", ["redis"])) {
  hotContract("RedisHotState", async () => (await connected(serverAddress("redis"))).hot);
}

const ignore = skipUnlessServersInstalled("Redis's outages", ["redis"]);

Deno.test("RedisHotState keeps the documented hash, list and life of an entry", { ignore }, async () => {
  await using own = await ownRedis();
  const redis = own.server;
  const { hot } = await connected(redis.address, "p");
  const client = new Redis(redis.address);
  await hot.put([entry({ key: "sensor/a?b?windows", atMs: 5000, json: "{}", fields: { "t.last": 21.5 } })]);
  assert.deepEqual(await client.hgetall("p:sensor/a?b?windows"), {
    epoch: "1",
    position: "10",
    records: "0",
    at: "5000",
    json: "{}",
    store: "store",
    "t.last": "21.5",
  });
  assert.deepEqual(await client.zrange("p:index:sensor?windows", "0", "-1"), ["a?b"]);
  assert.ok(await client.pttl("p:sensor/a?b?windows") > 0);
  assert.equal(await client.get("p:store"), "store");
  assert.ok(await client.pttl("p:store") > 0);
  await client.quit();
  await hot.close();
});

Deno.test(
  "RedisHotState lets the owner of the higher epoch win when two nodes put at once",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const redis = own.server;
    const [old, owner] = [await connected(redis.address, "p"), await connected(redis.address, "p")];
    const puts = Array.from({ length: 100 }, (_, n) => [
      owner.hot.put([entry({ epoch: 2, position: n, json: "2" })]),
      old.hot.put([entry({ epoch: 1, position: 1000 + n, json: "1" })]),
    ]);
    await Promise.all(puts.flat());
    const { epoch, position, json } = await owner.hot.get("sensor/a?windows") ?? entry();
    assert.deepEqual({ epoch, position, json }, { epoch: 2, position: 99, json: "2" });
    await Promise.all([old.hot.close(), owner.hot.close()]);
  },
);

Deno.test(
  "RedisHotState finds nothing of an earlier store, and replaces it by what is lower",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const { address } = own.server;
    const old = await connected(address, "p", undefined, "old");
    assert.equal(await old.hot.put([entry({ epoch: 9 })]), 1);
    await old.hot.close();
    const { hot } = await connected(address, "p", undefined, "new");
    assert.equal(await hot.get(entry().key), null);
    assert.equal(await hot.put([entry({ epoch: 2, json: "2" }), entry({ epoch: 1 })]), 1);
    assert.equal((await hot.get(entry().key))?.json, "2");
    await hot.close();
  },
);

Deno.test(
  "RedisHotState stands aside while another cluster has its prefix, says so, and takes it over when that is gone",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const { address } = own.server;
    const living = await connected(address, "p", undefined, "one");
    await living.hot.put([entry({ json: "1" })]);
    const aside = new Bench(address, "p", null, "two");
    await aside.failed;
    const [sentence = ""] = aside.told;
    assert.match(sentence, /another cluster, which is running, under the prefix "p"/);
    await assert.rejects(aside.hot.put([entry({ epoch: 9 })]), HotError);
    assert.equal(await aside.hot.get(entry().key), null);
    assert.equal((await living.hot.get(entry().key))?.json, "1");
    assert.deepEqual(living.told, []);
    const lost = aside.lost;
    await living.hot.close();
    await lost;
    assert.equal(await aside.hot.put([entry({ json: "2" })]), 1);
    await aside.hot.close();
  },
);

Deno.test(
  "RedisHotState keeps the prefix for its store's other nodes when one is closed",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const { address } = own.server;
    const [living, stopping] = [await connected(address, "p"), await connected(address, "p")];
    const client = new Redis(address);
    await stopping.hot.close();
    assert.equal(await client.get("p:store"), "store");
    assert.ok(await client.pttl("p:store") <= 2000);
    await within(
      "the other node's look",
      (async () => {
        while (await client.pttl("p:store") <= 2000);
      })(),
      2000,
    );
    assert.equal(await living.hot.put([entry()]), 1);
    await client.quit();
    await living.hot.close();
  },
);

Deno.test(
  "RedisHotState puts nothing once another store has the prefix, and says nothing of one that died",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const { address } = own.server;
    const late = await connected(address, "p");
    const client = new Redis(address);
    // As after a pause that was longer than the lease; nobody renews it.
    await client.set("p:store", "another", "PX", leaseMs - 500);
    const lost = late.lost;
    await assert.rejects(late.hot.put([entry()]), HotError);
    await lost;
    await late.hot.put([entry()]);
    assert.deepEqual(late.told, []);
    await client.quit();
    await late.hot.close();
  },
);

Deno.test("RedisHotState says within a second that its data was flushed", { ignore }, async () => {
  await using own = await ownRedis();
  const redis = own.server;
  const other = await connected(redis.address);
  const lost = other.lost;
  const client = new Redis(redis.address);
  await client.flushall();
  await client.quit();
  await lost;
  await other.hot.put([entry()]);
  assert.notEqual(await other.hot.get(entry().key), null);
  await other.hot.close();
});

Deno.test("RedisHotState fails at once while Redis is dead, and is back by itself", { ignore }, async () => {
  await using own = await ownRedis();
  const redis = own.server;
  const bench = await connected(redis.address);
  await bench.hot.put([entry()]);
  const failed = bench.failed;
  await redis.kill();
  await failed;
  const startMs = performance.now();
  await assert.rejects(bench.hot.get(entry().key), HotError);
  await assert.rejects(bench.hot.put([entry()]), HotError);
  assert.ok(performance.now() - startMs < 100);
  const lost = bench.lost;
  await redis.start();
  await lost;
  assert.equal(await bench.hot.get(entry().key), null);
  // The script is gone too.
  await bench.hot.put([entry()]);
  assert.notEqual(await bench.hot.get(entry().key), null);
  assert.equal(bench.told.length, 1);
  await bench.hot.close();
});

Deno.test(
  "RedisHotState gives up after 100 ms when Redis is stopped, and at once from then on",
  { ignore },
  async () => {
    await using own = await ownRedis();
    const redis = own.server;
    const bench = await connected(redis.address);
    const failed = bench.failed;
    await redis.pause();
    const startMs = performance.now();
    await assert.rejects(bench.hot.get("sensor/a?windows"), HotError);
    assert.ok(performance.now() - startMs < 1000);
    for (let n = 0; n < 1000; n++) await assert.rejects(bench.hot.get("sensor/a?windows"), HotError);
    assert.ok(performance.now() - startMs < 1000);
    await failed;
    const lost = bench.lost;
    await redis.resume();
    await lost;
    assert.equal(await bench.hot.get("sensor/a?windows"), null);
    await bench.hot.close();
  },
);

Deno.test(
  "RedisHotState reaches a server with a password, and never tells a wrong one",
  { ignore },
  async () => {
    await using own = await ownRedis({ password: "s3cret:/@" });
    const right = await connected(own.server.address);
    await right.hot.put([entry()]);
    await right.hot.close();
    const wrong = new Bench(`redis://nobody:wr0ng@${new URL(own.server.address).host}`);
    await wrong.failed;
    const [sentence = ""] = wrong.told;
    assert.match(sentence, /WRONGPASS|NOAUTH/);
    assert.doesNotMatch(sentence, /wr0ng|nobody/);
    await wrong.hot.close();
  },
);

/** As the README says. */
const needed =
  "+eval +evalsha +script|load +get +set +pttl +pexpire +del +hset +hmget +zadd +zremrangebyscore +info +select"
    .split(" ");

Deno.test("RedisHotState needs no more than the commands of its README, and says once what it lacks", {
  ignore,
}, async () => {
  await using own = await ownRedis();
  const client = new Redis(own.server.address);
  const url = `redis://somebody:s3cret@${new URL(own.server.address).host}`;
  const allow = (commands: readonly string[]) =>
    client.call("ACL", "SETUSER", "somebody", "reset", "on", ">s3cret", "~p:*", ...commands);
  await allow(needed);
  const may = await connected(url, "p");
  assert.equal(await may.hot.put([entry()]), 1);
  assert.notEqual(await may.hot.get(entry().key), null);
  await may.hot.close();
  assert.deepEqual(may.told, []);
  await allow(needed.filter((command) => command !== "+eval"));
  const bench = new Bench(url, "p");
  await bench.failed;
  assert.match(bench.told[0] ?? "", /refuses what it is asked with: NOPERM .*eval/);
  assert.doesNotMatch(bench.told[0] ?? "", /s3cret|somebody/);
  const { lost } = bench;
  await allow(needed);
  await lost;
  assert.equal(bench.told.length, 1);
  await bench.hot.close();
  await client.quit();
});

Deno.test(
  "RedisHotState trusts the certificate that it is given, and no other",
  { ignore },
  async () => {
    const tlsPort = freePort();
    await using own = await ownRedis({ tlsPort });
    const url = `rediss://localhost:${tlsPort}`;
    const ca = await Deno.readTextFile(join(own.server.folder, "tls", "ca.pem"));
    const trusting = await connected(url, "p", ca);
    await trusting.hot.put([entry()]);
    assert.notEqual(await trusting.hot.get(entry().key), null);
    await trusting.hot.close();
    const distrusting = new Bench(url);
    await distrusting.failed;
    assert.match(distrusting.told[0] ?? "", /certificate/i);
    await distrusting.hot.close();
  },
);
