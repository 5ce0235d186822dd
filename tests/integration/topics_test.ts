/** Foreign topics on a real broker, into an embedded engine. */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { panelTopics } from "../../actors/sources/topics.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { runTopicSource } from "../../runtime/topics/topic_source.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../services/servers.ts";
import { deadlineMs, withEngine } from "./engine_harness.ts";

const definitionsUrl = new URL("../../actors/definitions.ts", import.meta.url).href;
const sensors = 50;

interface Answer {
  readonly channels: Readonly<
    Record<string, { readonly total: { readonly count: number; readonly sum: number } }>
  >;
  readonly recovered: { readonly count: number; readonly last: number | null };
}

async function stateOf(engine: EmbeddedEngine, id: string): Promise<Answer | null> {
  const result = await engine.ask({ kind: "sensor", id }, "state", {}, { consistency: "strict", deadlineMs });
  return result.type === "answered" ? JSON.parse(result.json) : null;
}

/** Polls, for the source tells nobody how far it is. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!await holds()) {
    if (performance.now() > endMs) assert.fail(`Waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test({
  name: "records of ENTRY and OK are folded once though readers begin anew, and bad ones are dead letters",
  ignore: skipUnlessServed("The test of foreign topics", ["kafka"]),
  fn: () =>
    withEngine(async (engine) => {
      const prefix = uniqueName("topics");
      const [entry, ok] = [`${prefix}.ENTRY`, `${prefix}.OK`];
      const brokers = serverAddress("kafka").split(",");
      const client = new Kafka({ brokers, logLevel: logLevel.NOTHING });
      const [admin, producer] = [client.admin(), client.producer({ allowAutoTopicCreation: false })];
      await Promise.all([admin.connect(), producer.connect()]);
      const kafka = { brokers, tls: null, sasl: null, prefix };
      const said: string[] = [];
      const begin = () => {
        const stop = new AbortController();
        const ended = runTopicSource({
          kafka,
          engine,
          topics: panelTopics({ entryTopic: entry, okTopic: ok, keyedTopics: [] }),
          signal: stop.signal,
          warn: (sentence) => said.push(sentence),
          info: (sentence) => said.push(sentence),
        });
        return async () => {
          stop.abort();
          await ended;
        };
      };
      let end = begin();
      try {
        await until("the topics", async () => (await admin.listTopics()).includes(ok));
        const { topics: [made] } = await admin.fetchTopicMetadata({ topics: [entry] });
        assert.equal(made?.partitions.length, 2);
        const sums = new Map<string, { count: number; sum: number }>();
        const startMs = Date.now() - 3_600_000;
        let n = 0;
        let told = 0;
        for (let round = 0; round < 3; round++) {
          const messages = Array.from({ length: 2000 }, () => {
            const id = `s${n % sensors}`;
            const [total, value] = [sums.get(id) ?? { count: 0, sum: 0 }, n % 64 / 8];
            sums.set(id, { count: total.count + 1, sum: total.sum + value });
            const text = JSON.stringify({ id, ts: startMs + n, values: { t: value } });
            return { key: n++ % 3 === 0 ? null : `k${n % 7}`, value: text };
          });
          await producer.send({ topic: entry, messages });
          const before = told;
          await until("some records", async () => {
            told = (await stateOf(engine, "s0"))?.channels["t"]?.total.count ?? 0;
            return told > before;
          });
          await end();
          // As after a crash before the commit: the next reader begins anywhere below.
          const groupId = `${prefix}.sources`;
          const [committed] = await admin.fetchOffsets({ groupId, topics: [entry] });
          const partitions = committed!.partitions.map(({ partition, offset }) => ({
            partition,
            offset: String(Math.max(0, Math.floor(Number(offset) * 0.6) - partition)),
          }));
          await admin.setOffsets({ groupId, topic: entry, partitions });
          end = begin();
        }
        await producer.send({
          topic: entry,
          messages: [{ value: "no JSON" }, { value: '{"values":{"t":1}}' }, { key: "a", value: null }],
        });
        await producer.send({
          topic: ok,
          messages: [{ value: '{"id":"s1"}' }, { value: '{"id":"s1","ts":5}' }],
        });
        const expected = (id: string) => sums.get(id)?.count;
        await until("all records", async () => {
          const [last, first] = [await stateOf(engine, `s${sensors - 1}`), await stateOf(engine, "s1")];
          await engine.flush(deadlineMs);
          const { items } = await engine.store.deadLetters({ after: null, limit: 10 });
          return last?.channels["t"]?.total.count === expected(`s${sensors - 1}`) &&
            first?.recovered.count === 2 &&
            items.length === 3;
        });
        for (const [id, total] of sums) {
          assert.deepEqual((await stateOf(engine, id))?.channels["t"]?.total, total);
        }
        const { items } = await engine.store.deadLetters({ after: null, limit: 10 });
        assert.deepEqual(
          items.map(({ reason }) => reason).sort(),
          ["invalid", "malformed", "malformed"],
        );
        for (const { topic, id } of items) {
          assert.match(topic, new RegExp(`^${entry}/[01]$`));
          assert.ok(id.startsWith(topic.replace("/", "-")));
        }
        assert.deepEqual(said, []);
      } finally {
        await end();
        await admin.deleteTopics({ topics: [entry, ok] });
        await Promise.all([admin.disconnect(), producer.disconnect()]);
      }
    }, { definitionsUrl }),
});
