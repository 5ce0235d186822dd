/**
 * Sources of several nodes on servers: each target is scraped by one of them, and by another when that one dies; what is
 * taken of remote write is the same for all.
 */

import assert from "node:assert/strict";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { freePorts } from "../../deploy/services/free_port.ts";
import { Node } from "../services/node.ts";
import { killHard } from "../services/process_tree.ts";
import { serverAddress, skipUnlessServed } from "../services/servers.ts";
import { Targets } from "../services/targets.ts";
import { packed, requestOf } from "../services/write_request.ts";
import { SourcesClient } from "./sources_client.ts";
import { TopicStage } from "./topic_stage.ts";

const deadlineMs = 60_000;
const everyMs = 1000;
const names = Array.from({ length: 8 }, (_, i) => `target-${i}`);

const text = { headers: { "content-type": "text/plain; version=0.0.4" } };

/** Waits until each target is asked for `more` times from now on; how long between the first and the last, by target. */
async function untilAsked(targets: Targets, more: number): Promise<readonly number[]> {
  const before = new Map(names.map((name) => [name, targets.asked.get(`/${name}`)?.length ?? 0]));
  return await eventually(`each target to be asked for ${more} times more`, deadlineMs, () => {
    const spans = names.map((name) => {
      const moments = (targets.asked.get(`/${name}`) ?? []).slice(before.get(name)!);
      return moments.length < more ? null : moments[more - 1]! - moments[0]!;
    });
    return Promise.resolve(spans.every((span) => span !== null) ? spans : null);
  });
}

/** Two nodes that both asked would ask twice as often. */
function assertAskedByOne(spans: readonly number[], times: number): void {
  for (const span of spans) {
    assert.ok(span > 0.75 * (times - 1) * everyMs, `${times} times within ${Math.round(span)} ms`);
  }
}

async function scrapesOf(adminUrl: string): Promise<number> {
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(/^sensorium_scrapes_total\{outcome="ok"\} (\d+)$/m.exec(metrics)?.[1]);
}

/** Over a connection of its own, so that any of the nodes may get it. */
async function write(url: string, sample: number): Promise<void> {
  using client = Deno.createHttpClient({});
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    client,
    headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
    body: packed(requestOf([{ labels: { __name__: "noise" }, samples: [[sample, Date.now()]] }])),
  });
  assert.equal(await response.text(), "");
  assert.equal(response.status, 204);
}

/** What one node was told of remote write, both take to heart. */
async function assertBothSelect(client: SourcesClient, adminUrls: readonly string[]): Promise<void> {
  await client.put("remote-write", { type: "remote-write", match: "wanted" });
  let sample = 0;
  await eventually("each node to leave out what is not selected", deadlineMs, async () => {
    await write(client.url, sample++);
    const counts = await Promise.all(adminUrls.map(async (adminUrl) => {
      const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
      return Number(
        /^sensorium_remote_write_samples_total\{outcome="unmatched"\} (\d+)$/m.exec(metrics)?.[1],
      );
    }));
    return counts.every((count) => count > 0) ? counts : null;
  });
}

Deno.test({
  name:
    "of two nodes one scrapes each target, and when it is killed the other does; both know what remote write is to take",
  ignore: skipUnlessServed("The test of sources of several nodes", ["kafka", "mysql"]),
  async fn() {
    await using targets = new Targets(
      Object.fromEntries(names.map((name) => [`/${name}`, () => new Response("a 1\n", text)])),
    );
    // Its topics go with it.
    await using topics = await TopicStage.open();
    const mysql = newDatabase();
    const url = new URL(serverAddress("mysql"));
    url.pathname = `/${mysql.database}`;
    const adminPort = freePorts(2);
    try {
      await using node = await Node.start({
        dataDir: "not-used",
        adminPort,
        environment: { KAFKA_BROKERS: topics.brokers.join(","), MYSQL_URL: url.href },
        flags: [
          "--nodes=2",
          "--shards=6",
          "--no-host-metrics",
          "--log-format=json",
          ...["--prefix", topics.prefix, "--entry-topic", topics.entry, "--ok-topic", topics.ok],
        ],
      });
      const client = new SourcesClient(node.url);
      for (const name of names) {
        const spec = { type: "target", url: targets.url(`/${name}`), every: `${everyMs / 1000}s` };
        await eventually(`${name} to be taken`, deadlineMs, async () => {
          await client.put(name, spec);
          return true;
        });
      }
      // The first time is at once, the second at a moment of its own.
      await untilAsked(targets, 2);
      assertAskedByOne(await untilAsked(targets, 6), 6);
      const adminUrls = [0, 1].map((i) => `http://127.0.0.1:${adminPort + i}`);
      const counts = await Promise.all(adminUrls.map(scrapesOf));
      assert.ok(counts.every((count) => count > 0), `each node scrapes some: ${counts}`);
      await assertBothSelect(client, adminUrls);

      const lines = node.errors.split("\n").slice(0, -1).map((line) => JSON.parse(line));
      killHard(lines.find(({ event, node: name }) => event === "starting" && name === "node-1").pid);
      await untilAsked(targets, 2);
      assertAskedByOne(await untilAsked(targets, 6), 6);
      const { code, errors } = await node.stop();
      assert.equal(code, 0, errors);
    } finally {
      await dropDatabase(mysql);
    }
  },
});
