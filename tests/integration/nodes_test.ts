/** Several nodes of one launcher on real servers, as their user meets them: they share a port and the shards. */

import assert from "node:assert/strict";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { freePorts } from "../../deploy/services/free_port.ts";
import { Node, runStart } from "../services/node.ts";
import { killHard } from "../services/process_tree.ts";
import { serverAddress, skipUnlessServed } from "../services/servers.ts";
import { TopicStage } from "./topic_stage.ts";

const deadlineMs = 60_000;
const sensors = 40;

interface Stage {
  readonly node: Node;
  /** Of each node. */
  readonly adminUrls: readonly string[];
  /** As the nodes were started. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

function nodesTest(
  name: string,
  count: number,
  flags: readonly string[],
  fn: (stage: Stage) => Promise<void>,
) {
  Deno.test({
    name,
    ignore: skipUnlessServed("The test of several nodes", ["kafka", "mysql"]),
    async fn() {
      // Its topics go with it.
      await using topics = await TopicStage.open();
      const mysql = newDatabase();
      const url = new URL(serverAddress("mysql"));
      url.pathname = `/${mysql.database}`;
      const environment = { KAFKA_BROKERS: topics.brokers.join(","), MYSQL_URL: url.href };
      const names = ["--prefix", topics.prefix, "--entry-topic", topics.entry, "--ok-topic", topics.ok];
      const args = [`--nodes=${count}`, ...names, "--shards", "6", "--no-host-metrics", ...flags];
      const adminPort = freePorts(count);
      const adminUrls = Array.from({ length: count }, (_, i) => `http://127.0.0.1:${adminPort + i}`);
      try {
        await using node = await Node.start({ dataDir: "not-used", adminPort, environment, flags: args });
        try {
          await fn({ node, adminUrls, args, environment });
        } catch (thrown) {
          console.error(`The nodes wrote:\n${node.output}\n${node.errors}`);
          throw thrown;
        }
      } finally {
        await dropDatabase(mysql);
      }
    },
  });
}

/** Over a connection of its own, which the kernel may give to any of the nodes. */
async function ask(url: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  using client = Deno.createHttpClient({});
  const response = await fetch(url, { ...init, client, signal: AbortSignal.timeout(10_000) });
  return { status: response.status, text: await response.text() };
}

/** Repeated until it is answered, whoever dies meanwhile. */
async function post({ node }: Stage, id: string, key: string): Promise<void> {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const body = JSON.stringify({ id, values: { t: 1 } });
  await eventually(`202 for ${key}`, deadlineMs, async () => {
    const { status } = await ask(`${node.url}/readings`, { method: "POST", headers, body });
    return status === 202 ? true : null;
  });
}

async function count({ node }: Stage, id: string): Promise<number> {
  return await eventually(`an answer of ${id}`, deadlineMs, async () => {
    const { status, text } = await ask(`${node.url}/sensors/${id}/windows`);
    return status === 200 ? JSON.parse(text).total.t.count : null;
  });
}

interface ClusterAnswer {
  readonly nodes: readonly { readonly name: string; readonly url: string; readonly shards: number }[];
  readonly shards: readonly { readonly node: string | null; readonly owner: string | null }[];
}

/** Once every shard is claimed by the node that is to have it. */
async function untilSettled(stage: Stage, isSo: (cluster: ClusterAnswer) => boolean): Promise<ClusterAnswer> {
  return await eventually("all shards to be claimed", deadlineMs, async () => {
    const { status, text } = await ask(`${stage.node.url}/cluster`);
    if (status !== 200) return null;
    const cluster: ClusterAnswer = JSON.parse(text);
    const areClaimed = cluster.shards.every(({ node, owner }) => node !== null && owner?.startsWith(node));
    return areClaimed && isSo(cluster) ? cluster : null;
  });
}

nodesTest(
  "two nodes share the port and the shards, are shown once, and stop together",
  2,
  [],
  async (stage) => {
    const { node, adminUrls, args, environment } = stage;
    const { nodes } = await untilSettled(stage, ({ nodes }) => nodes.length === 2);
    assert.deepEqual(nodes.map(({ url, shards }) => [url, shards]), adminUrls.map((url) => [url, 3]));
    const ids = Array.from({ length: sensors }, (_, i) => `s${i}`);
    for (const id of ids) await post(stage, id, id);
    for (const id of ids) assert.equal(await count(stage, id), 1);
    for (const url of adminUrls) {
      assert.equal((await ask(`${url}/readyz`)).status, 200);
      const { text } = await ask(`${url}/metrics`);
      const accepted = /^sensorium_http_items_accepted_total\{kind="sensor"\} (\d+)$/m.exec(text)?.[1];
      assert.ok(Number(accepted) > 0, `${url} took ${accepted} of ${sensors} readings`);
    }

    const port = new URL(node.url).port;
    const refused = await runStart(
      ["cluster", "--port", port, "--admin-port", `${freePorts(2)}`, ...args],
      environment,
    );
    assert.equal(refused.code, 2, refused.errors);
    assert.match(
      refused.errors,
      /another Sensorium holds that port\. Stop it, or give another port with --port\.\n$/,
    );

    const { code, output, errors } = await node.stop("SIGINT");
    assert.equal(code, 0, errors);
    assert.match(output, /^2 nodes, on servers\n/);
    for (const text of ["page ", ...adminUrls.map((url) => `${url}/metrics\n`)]) {
      assert.equal(output.split(text).length, 2, `${text} once in:\n${output}`);
    }
    assert.match(output, /\nstopping: .*\nstopped\n$/);
    const isExpected = / info .* The nodes have agreed| warn .* has one replica, as there is one broker/;
    assert.deepEqual(errors.split("\n").filter((line) => line !== "" && !isExpected.test(line)), []);
  },
);

const json = ["--log-format", "json"];

nodesTest(
  "a node that is killed is evicted, and comes back as another, while the others go on",
  3,
  json,
  async (stage) => {
    const { node } = stage;
    await untilSettled(stage, ({ nodes }) => nodes.length === 3);
    const events = () => node.errors.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    const begun = events().find((line) => line.event === "starting" && line.node === "node-1");
    const ids = Array.from({ length: sensors }, (_, i) => `s${i}`);
    for (const id of ids) await post(stage, id, `${id}-1`);
    killHard(begun.pid);
    for (const id of ids) await post(stage, id, `${id}-2`);
    for (const id of ids) assert.equal(await count(stage, id), 2);
    const isBack = ({ nodes }: ClusterAnswer) =>
      nodes.length === 3 && nodes.every(({ name, shards }) => name !== begun.life && shards === 2);
    const { nodes } = await untilSettled(stage, isBack);
    assert.equal(nodes.filter(({ name }) => name.includes("/node-1/")).length, 1);
    for (const id of ids) assert.equal(await count(stage, id), 2);
    const evictions = events().filter(({ event, name }) => event === "evicted" && name === begun.life);
    assert.equal(evictions.length, 1, "by one node, and not by the time-out");
    assert.notEqual(evictions[0].node, "node-1");
    const { code, errors } = await node.stop();
    assert.equal(code, 0, errors);
  },
);
