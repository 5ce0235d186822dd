/** Asks from node to node; the numbers are those of `peers.ts`, `peer_client.ts` and `peer_door.ts`. */

import assert from "node:assert/strict";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import { hopLookMs, maxHopMs, maxQuestionBytes } from "../../runtime/node/limits.ts";
import { Owners } from "../../runtime/node/owners.ts";
import { askPath } from "../../runtime/node/peer_protocol.ts";
import { answered, Cluster, type RiggedNode } from "./peers_rig.ts";
import { settled } from "./manual_clock.ts";

/** An actor of each shard. */
const ids = [0, 1].map((shard) => ["a", "b", "c", "d", "e"].find((id) => shardOf(id, 2) === shard)!);

function ask({ router }: RiggedNode, shard: number, deadlineMs = 5000) {
  const target = { kind: "counter", id: ids[shard]! };
  return router.ask(target, "state", { at: "1" }, { consistency: "strict", deadlineMs });
}

async function timeoutOf(asking: Promise<unknown>): Promise<EngineError> {
  const error = await asking.then(() => null, (thrown: unknown) => thrown);
  assert.ok(error instanceof EngineError && error.code === "timeout", String(error));
  return error;
}

Deno.test("An ask goes one hop to the shard's node, which waits for the log's end by itself", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const [one, two] = [cluster.node("one"), cluster.node("two")];
  two.answers.push(answered("7", 20));
  one.board.appended(1, 11);
  cluster.end = 21;
  assert.deepEqual(await ask(one, 1), { ...answered("7", 20), ageMs: 0 });
  const request = { type: "ask", kind: "counter", id: ids[1], query: "state", arguments: { at: "1" } };
  assert.deepEqual(two.calls, [{ shard: 1, folded: 21, request }]);

  two.answers.push(answered("7", 30));
  cluster.end = 5;
  one.board.appended(1, 29);
  await ask(one, 1);
  assert.equal(two.calls.at(-1)?.folded, 30, "what the asker was told of counts as well");
  assert.deepEqual([one.calls, cluster.tablesRead], [[], 1]);
});

Deno.test("Local asks, traces, flushes and last records go to the shard's node too", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const [one, two] = [cluster.node("one"), cluster.node("two")];
  two.answers.push(answered("7", 20), answered("[]"), answered("null"), answered('{"t/0":4}'));
  one.answers.push(answered("null"), answered('{"t/0":3}'));
  const target = { kind: "counter", id: ids[1]! };
  const local = await one.router.ask(target, "state", {}, { consistency: "local", deadlineMs: 5000 });
  assert.equal(local.ageMs, 1000, "as its node says, who knows what the shard has folded");
  await one.router.trace(target, 5, { consistency: "strict", deadlineMs: 5000 });
  await one.router.flush(5000);
  assert.deepEqual([...await one.router.lastRecords(5000)], [["t/0", 4]]);
  assert.deepEqual(two.calls.map(({ request }) => request.type), ["ask", "trace", "barrier", "records"]);
  assert.deepEqual(two.calls.map(({ folded }) => folded), [0, 10, 10, 10]);
});

Deno.test("A shard that moved is looked for in a later table, read once for all who ask (2)", async () => {
  const cluster = new Cluster(["one", "two", "three"], ["one", "two"]);
  const [one, two, three] = [cluster.node("one"), cluster.node("two"), cluster.node("three")];
  two.answers.push(answered("1"));
  await ask(one, 1);
  cluster.owners = ["one", "three"];
  three.answers.push(answered("2"), answered("3"), answered("4"));
  const found = await Promise.all([ask(one, 1), ask(one, 1), ask(one, 1)]);
  assert.deepEqual(found.map(({ type }) => type), ["answered", "answered", "answered"]);
  assert.equal(two.calls.length, 1, "it does not ask on (1)");
  assert.equal(three.calls.length, 3);
  assert.equal(cluster.tablesRead, 2);
});

Deno.test("A node that refuses connections is asked no more once another has the shard (2)", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const one = cluster.node("one");
  const asking = ask(one, 1);
  while (cluster.requests.length < 2) await settled();
  cluster.owners = ["one", "one"];
  one.answers.push(answered("1"));
  assert.equal((await asking).type, "answered");
});

Deno.test("A node that dies without a word is left once the others know it, and in any case after some seconds (2)", async () => {
  const cluster = new Cluster(["one", "two", "three"], ["one", "two"]);
  const [one, two, three] = [cluster.node("one"), cluster.node("two"), cluster.node("three")];
  const asking = ask(one, 1);
  while (two.calls.length < 1) await settled();
  cluster.nowMs += hopLookMs;
  await one.peers.look();
  assert.equal(two.calls.length, 1, "it has the shard still, and is waited for");
  cluster.nowMs += maxHopMs;
  await one.peers.look();
  while (two.calls.length < 2) await settled();
  cluster.owners = ["one", "three"];
  three.answers.push(answered("1"));
  cluster.nowMs += hopLookMs;
  await one.peers.look();
  assert.equal((await asking).type, "answered");
});

Deno.test("A time-out says at which node the shard is and why that is silent, or that no node has it", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const one = cluster.node("one");
  const dead = await timeoutOf(ask(one, 1, 30));
  assert.match(
    dead.message,
    /shard 1 is at node two, which .*; it could not be asked: Connection refused\. Ask/,
  );
  assert.deepEqual([dead.waiting?.type === "ask" && dead.waiting.node], ["two"]);

  const two = cluster.node("two");
  const silent = await timeoutOf(ask(one, 1, 120));
  assert.match(
    silent.message,
    /^No answer within 70 ms from counter .*: shard 1 is being claimed by host 0.* \(node two\)$/,
  );
  assert.ok(silent.waiting?.type === "ask" && two.calls.length === 1);
  assert.deepEqual([silent.waiting.node, silent.waiting.state], ["two", "claiming"]);

  cluster.owners = ["one", null];
  cluster.doors.clear();
  const nowhere = await timeoutOf(ask(one, 1, 30));
  assert.match(nowhere.message, /: no node is known to have shard 1 now\. Ask again later/);

  cluster.table = () => Promise.reject(new Error("the broker is away"));
  const unknown = await timeoutOf(ask(cluster.node("two"), 0, 30));
  assert.match(
    unknown.message,
    /no node is known to have shard 0 now; the nodes' agreement cannot be read: the broker is away/,
  );
});

Deno.test("A refused shard of another node is told of as one's own", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const [one, two] = [cluster.node("one"), cluster.node("two")];
  const refused = Object.assign(new Error("records 3..4 are missing"), { code: "refused" });
  two.answers.push(refused, refused);
  one.answers.push(answered("null"));
  await assert.rejects(ask(one, 1), { code: "unavailable", message: refused.message, retryAfterS: 30 });
  await one.router.flush(5000);
});

Deno.test("Another secret opens nothing, and is told of once on both sides (door 1)", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const [one, two] = [cluster.node("one"), cluster.node("two", "another")];
  const late = await timeoutOf(ask(one, 1, 30));
  assert.match(late.message, /it does not take the secret/);
  assert.ok(cluster.requests.length > 1 && two.calls.length === 0);
  assert.deepEqual(one.notices.map(({ event }) => event), ["peer-refused"]);
  assert.deepEqual(two.notices.map(({ event }) => event), ["wrong-secret"]);
  assert.doesNotMatch(JSON.stringify([one.notices, two.notices, late.message]), /the secret"|another"/);
});

Deno.test("The door refuses what is no question, and what is too long", async () => {
  const { door, calls } = new Cluster(["one"], ["one", "one"]).node("one");
  const status = async (
    body: string,
    bytes: string | null = `${body.length}`,
    path = askPath,
    method = "POST",
  ) => {
    const headers = { authorization: "Bearer the secret", ...bytes !== null && { "content-length": bytes } };
    const request = new Request(`http://one:9464${path}`, {
      method,
      headers,
      ...method === "POST" && { body },
    });
    return (await door(request)).status;
  };
  const question = { shard: 0, folded: 0, request: { type: "barrier" }, deadlineMs: 10, isStrict: false };
  assert.equal(await status("no JSON"), 400);
  assert.equal(await status(JSON.stringify({ ...question, deadlineMs: Infinity })), 400);
  assert.equal(await status(JSON.stringify({ ...question, request: { type: "kill" } })), 400);
  assert.equal(await status(JSON.stringify(question), `${maxQuestionBytes + 1}`), 413);
  assert.equal(await status(JSON.stringify(question), null), 413);
  assert.equal(await status(JSON.stringify(question), "9", "/node/else"), 404);
  assert.equal(await status("", "0", askPath, "GET"), 405);
  assert.equal(calls.length, 0);
});

Deno.test("What came from another node is given up when that one goes (door 3)", async () => {
  const cluster = new Cluster(["one", "two"], ["one", "two"]);
  const two = cluster.node("two");
  const asker = new AbortController();
  const question = {
    shard: 1,
    folded: 0,
    request: { type: "barrier" },
    deadlineMs: 60_000,
    isStrict: true,
  } as const;
  const answering = two.router.answer(question, asker.signal);
  while (two.calls.length === 0) await settled();
  asker.abort();
  const reply = await answering;
  assert.deepEqual([reply.type, reply.type === "error" && reply.code], ["error", "timeout"]);
});

Deno.test("Peers.suspended() gathers what all others say, and names those that do not", async () => {
  const cluster = new Cluster(["one", "two", "three", "four"], ["one", "two"]);
  const [one, two, three] = [cluster.node("one"), cluster.node("two"), cluster.node("three")];
  two.suspended = ["a", "b", "c"].map((id) => ({ kind: "k", id, sinceMs: 1 }));
  three.suspended = [{ kind: "k", id: "z", sinceMs: 2 }];
  const { items, missing } = await one.peers.suspended("k/a", 1, 5000);
  assert.deepEqual(items.map(({ id }) => id).sort(), ["b", "z"]);
  assert.deepEqual(missing, ["four: Connection refused"]);
});

Deno.test("Owners reads one table for all who want a later one, and not too often", async () => {
  let reads = 0;
  const slept: number[] = [];
  const clock = { nowMs: () => 40 * reads, sleep: (ms: number) => Promise.resolve(void slept.push(ms)) };
  const table = { nodes: [], owners: [] };
  const owners = new Owners({ clock, read: () => (reads += 1, Promise.resolve(table)) });
  const first = await Promise.all([owners.laterThan(0), owners.laterThan(0)]);
  assert.deepEqual([first.map(({ number }) => number), reads, slept], [[1, 1], 1, []]);
  await owners.laterThan(0);
  const second = await Promise.all([owners.laterThan(1), owners.laterThan(1)]);
  assert.deepEqual([second.map(({ number }) => number), reads, slept], [[2, 2], 2, [60]]);
});
