/** The hot state on real Redis servers. */

import assert from "node:assert/strict";
import { Redis } from "../../runtime/hot/redis/client.ts";
import { type HotEntry, HotError } from "../../runtime/hot/port.ts";
import { RedisHotState } from "../../runtime/hot/redis/redis_hot.ts";
import { redisSettings } from "../../runtime/hot/redis/settings.ts";
import { freePort } from "../services/free_port.ts";
import { OwnRedis } from "../services/own_redis.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../services/servers.ts";
import { within } from "../services/within.ts";
import { hotContract } from "./hot_contract.ts";

/** A state on a server, and what it tells. */
class Bench {
  readonly told: string[] = [];
  readonly hot: RedisHotState;
  #lost = Promise.withResolvers<void>();
  #failed = Promise.withResolvers<void>();

  constructor(url: string, prefix = uniqueName("hot"), ca: string | null = null) {
    this.hot = new RedisHotState({
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
  }

  /** The next time that the state tells that its data may be gone, as with each connection. */
  get lost(): Promise<void> {
    return within("the state to be lost", this.#lost.promise);
  }

  get failed(): Promise<void> {
    return within("an outage", this.#failed.promise);
  }
}

async function connected(url: string, prefix?: string, ca?: string): Promise<Bench> {
  const bench = new Bench(url, prefix, ca);
  await bench.lost;
  return bench;
}

function entry(parts: Partial<HotEntry> = {}): HotEntry {
  return { key: "sensor/a?windows", epoch: 1, position: 10, atMs: Date.now(), json: "{}", ...parts };
}

if (!skipUnlessServed("The contract on Redis", ["redis"])) {
  hotContract("RedisHotState", async () => (await connected(serverAddress("redis"))).hot);
}

const ignore = skipUnlessInstalled("Redis's outages", ["redis-server"]);

Deno.test("RedisHotState keeps the documented hash, list and life of an entry", { ignore }, async () => {
  await using redis = await OwnRedis.start();
  const { hot } = await connected(redis.url, "p");
  const client = new Redis(redis.url);
  await hot.put([entry({ key: "sensor/a?b?windows", atMs: 5000, json: "{}", fields: { "t.last": 21.5 } })]);
  assert.deepEqual(await client.hgetall("p:sensor/a?b?windows"), {
    epoch: "1",
    position: "10",
    at: "5000",
    json: "{}",
    "t.last": "21.5",
  });
  assert.deepEqual(await client.zrange("p:index:sensor?windows", "0", "-1"), ["a?b"]);
  assert.ok(await client.pttl("p:sensor/a?b?windows") > 0);
  await client.quit();
  await hot.close();
});

Deno.test(
  "RedisHotState lets the owner of the higher epoch win when two nodes put at once",
  { ignore },
  async () => {
    await using redis = await OwnRedis.start();
    const [old, owner] = [await connected(redis.url, "p"), await connected(redis.url, "p")];
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

Deno.test("RedisHotState says within a second that its data was flushed", { ignore }, async () => {
  await using redis = await OwnRedis.start();
  const other = await connected(redis.url);
  const lost = other.lost;
  const client = new Redis(redis.url);
  await client.flushall();
  await client.quit();
  await lost;
  await other.hot.put([entry()]);
  assert.notEqual(await other.hot.get(entry().key), null);
  await other.hot.close();
});

Deno.test("RedisHotState fails at once while Redis is dead, and is back by itself", { ignore }, async () => {
  await using redis = await OwnRedis.start();
  const bench = await connected(redis.url);
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
    await using redis = await OwnRedis.start();
    const bench = await connected(redis.url);
    const failed = bench.failed;
    redis.signal("SIGSTOP");
    const startMs = performance.now();
    await assert.rejects(bench.hot.get("sensor/a?windows"), HotError);
    assert.ok(performance.now() - startMs < 1000);
    for (let n = 0; n < 1000; n++) await assert.rejects(bench.hot.get("sensor/a?windows"), HotError);
    assert.ok(performance.now() - startMs < 1000);
    await failed;
    const lost = bench.lost;
    redis.signal("SIGCONT");
    await lost;
    assert.equal(await bench.hot.get("sensor/a?windows"), null);
    await bench.hot.close();
  },
);

Deno.test(
  "RedisHotState reaches a server with a password, and never tells a wrong one",
  { ignore },
  async () => {
    await using redis = await OwnRedis.start("--requirepass", "s3cret:/@");
    const right = await connected(
      `redis://default:${encodeURIComponent("s3cret:/@")}@127.0.0.1:${redis.port}`,
    );
    await right.hot.put([entry()]);
    await right.hot.close();
    const wrong = new Bench(`redis://nobody:wr0ng@127.0.0.1:${redis.port}`);
    await wrong.failed;
    const [sentence = ""] = wrong.told;
    assert.match(sentence, /WRONGPASS|NOAUTH/);
    assert.doesNotMatch(sentence, /wr0ng|nobody/);
    await wrong.hot.close();
  },
);

const tlsIgnore = ignore || skipUnlessInstalled("Redis by TLS", ["openssl"]);

Deno.test(
  "RedisHotState trusts the certificate that it is given, and no other",
  { ignore: tlsIgnore },
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "redis-tls-" });
    try {
      const [key, certificate] = [`${folder}/key.pem`, `${folder}/cert.pem`];
      const { success } = await new Deno.Command("openssl", {
        args: `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout ${key} -out ${certificate}`.split(/\s+/),
        stderr: "null",
      }).output();
      assert.ok(success, "openssl makes a certificate");
      const port = freePort();
      await using _redis = await OwnRedis.start(
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-auth-clients",
        "no",
        "--tls-port",
        `${port}`,
      );
      const url = `rediss://localhost:${port}`;
      const trusting = await connected(url, "p", await Deno.readTextFile(certificate));
      await trusting.hot.put([entry()]);
      assert.notEqual(await trusting.hot.get(entry().key), null);
      await trusting.hot.close();
      const distrusting = new Bench(url);
      await distrusting.failed;
      assert.match(distrusting.told[0] ?? "", /certificate/i);
      await distrusting.hot.close();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
