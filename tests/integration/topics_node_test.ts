/** A foreign topic that a node of its user re-keys, on real servers: what it comes to, whatever becomes of the node. */

import assert from "node:assert/strict";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";
import { killHard } from "../services/process_tree.ts";
import { serverAddress, skipUnlessServed } from "../services/servers.ts";
import { sensors, TopicStage, type Total } from "./topic_stage.ts";

const deadlineMs = 60_000;
/** Records of one send. */
const sendRecords = 2000;

interface Windows {
  readonly total: Readonly<Record<string, Total>>;
  readonly channels: object;
}

async function answerOf({ url }: Node, path: string): Promise<ReturnType<typeof JSON.parse>> {
  const response = await fetch(`${url}${path}`);
  const answer = await response.json();
  return response.status === 200 ? answer : null;
}

async function countOf(node: Node, id: string): Promise<number> {
  return (await answerOf(node, `/sensors/${id}/windows`))?.total.t.count ?? 0;
}

/**
 * What the windows are made of, but for the sensor's place in the log. Deviations depend in their last digits on the
 * order of the readings, which nobody promises between a topic's partitions.
 */
async function windowsOf(node: Node, id: string, at: number): Promise<Windows> {
  const { total, channels } = await answerOf(node, `/sensors/${id}/windows?at=${at}`);
  const round = (name: string, value: unknown) =>
    name.startsWith("std") && typeof value === "number" ? Number(value.toPrecision(12)) : value;
  return JSON.parse(JSON.stringify({ total, channels }, round));
}

/** Sends until it is told to stop: whoever is killed meanwhile is reading. */
function sendOn(stage: TopicStage): () => Promise<void> {
  const state = { isOver: false };
  const sending = (async () => {
    while (!state.isOver) await stage.send(sendRecords);
  })();
  return async () => {
    state.isOver = true;
    await sending;
  };
}

async function postTwins(node: Node, { readings }: TopicStage): Promise<void> {
  for (let from = 0; from < readings.length; from += 10_000) {
    const body = readings.slice(from, from + 10_000).map(({ id, ...reading }) => ({
      id: `twin-${id}`,
      ...reading,
    }));
    const headers = { "content-type": "application/json", "idempotency-key": `${from}` };
    const response = await fetch(`${node.url}/readings`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    assert.equal(response.status, 202, answer);
  }
}

Deno.test({
  name:
    "a node that is killed while it reads a topic counts each record once, and as if it had come over HTTP",
  ignore: skipUnlessServed("The test of kills over topics", ["kafka", "mysql"]),
  async fn() {
    await using stage = await TopicStage.open();
    await stage.make(3);
    const mysql = newDatabase();
    const url = new URL(serverAddress("mysql"));
    url.pathname = `/${mysql.database}`;
    const flags = ["--prefix", stage.prefix, "--entry-topic", stage.entry, "--ok-topic", stage.ok];
    try {
      await using node = await Node.start({
        dataDir: "not-used",
        environment: { KAFKA_BROKERS: stage.brokers.join(","), MYSQL_URL: url.href },
        flags: [...flags, "--shards", "4", "--no-host-metrics", "--max-rate-per-id", "off"],
      });
      const stop = sendOn(stage);
      await eventually("records", deadlineMs, async () => await countOf(node, "s7") > 0 ? true : null);
      // Its launcher starts it again.
      killHard(await node.pid());
      await stop();
      for (const [id, { count }] of stage.sent) {
        await eventually(`${count} readings of ${id}`, deadlineMs, async () => {
          return await countOf(node, id) >= count ? true : null;
        });
      }
      await postTwins(node, stage);
      const at = Date.now();
      for (const [id, total] of stage.sent) {
        const windows = await windowsOf(node, id, at);
        assert.deepEqual(windows, await windowsOf(node, `twin-${id}`, at), id);
        assert.deepEqual(windows.total, { t: total }, id);
      }
      assert.equal(stage.sent.size, sensors);
      assert.deepEqual((await answerOf(node, "/dead-letters")).items, []);
    } finally {
      await dropDatabase(mysql);
    }
  },
});
