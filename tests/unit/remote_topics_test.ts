/** `TopicLog` between threads, over a message port: `serve_log.ts` and `remote_log.ts`. */

import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import type { RecordFrame } from "../../runtime/core/log_frame.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { packRecords } from "../../runtime/log/pack_records.ts";
import { LogError, type SubscriptionEnded, type TopicLog } from "../../runtime/log/port.ts";
import { RemoteLog } from "../../runtime/log/remote_log.ts";
import { serveLog } from "../../runtime/log/serve_log.ts";

interface Read {
  readonly topic: string;
  readonly shard: number;
  readonly from: number;
  readonly deliver: (frames: readonly RecordFrame[]) => void;
  readonly failed: SubscriptionEnded;
}

/** Hears what it is asked, and hands over what the test says. */
class ScriptedTopics implements TopicLog {
  readonly reads: Read[] = [];
  readonly granted: number[] = [];
  closed = 0;
  onGrant = () => {};
  onClosed = () => {};

  extents(topic: string) {
    return Promise.resolve([{ begin: 0, end: topic.length }]);
  }

  read(
    topic: string,
    shard: number,
    from: number,
    deliver: (frames: readonly RecordFrame[]) => void,
    failed: SubscriptionEnded = () => {},
  ) {
    this.reads.push({ topic, shard, from, deliver, failed });
    return Promise.resolve({
      grant: (bytes: number) => {
        this.granted.push(bytes);
        this.onGrant();
      },
      close: () => {
        this.closed++;
        this.onClosed();
      },
    });
  }
}

const around = { topic: "readings", shard: 1, next: 8, removed: { first: 3, last: 4 } };
const bytes = (text: string) => new TextEncoder().encode(text);
const frameOf = () => packRecords(around, [{ offset: 7, key: bytes("a"), value: bytes("{}") }]);

Deno.test("RemoteLog.read() hands over records, credits, and why a subscription ended", async () => {
  const topics = new ScriptedTopics();
  const log = new MemoryLog(2, () => 0);
  const { port1, port2 } = new MessageChannel();
  const end = serveLog({ client: () => log, topics }, port2);
  const remote = new RemoteLog(port1);
  const delivered = Promise.withResolvers<readonly RecordFrame[]>();
  const failed = Promise.withResolvers<LogError>();
  const subscription = await remote.read("readings", 1, 3, delivered.resolve, failed.resolve);
  topics.onGrant = () => topics.reads[0]!.deliver([frameOf()]);
  subscription.grant(500);
  assert.deepEqual(await delivered.promise, [frameOf()]);
  assert.deepEqual(topics.granted, [500]);
  const { topic, shard, from } = topics.reads[0]!;
  assert.deepEqual({ topic, shard, from }, { topic: "readings", shard: 1, from: 3 });
  topics.reads[0]!.failed(new LogError("unavailable", "It is away."));
  assert.equal((await failed.promise).code, "unavailable");
  await remote.read("readings", 1, 8, () => {}, () => {});
  const closed = Promise.withResolvers<void>();
  topics.onClosed = closed.resolve;
  end();
  await closed.promise;
  assert.equal(topics.closed, 1, "a service that ends closes what is open");
  await remote.close();
});

Deno.test("RemoteLog.extents() tells where a topic's partitions begin and end", async () => {
  const { port1, port2 } = new MessageChannel();
  const end = serveLog({ client: () => new MemoryLog(1, () => 0), topics: new ScriptedTopics() }, port2);
  const remote = new RemoteLog(port1);
  assert.deepEqual(await remote.extents("readings"), [{ begin: 0, end: 8 }]);
  await remote.close();
  end();
});

Deno.test("RemoteLog.read() says so when the log has no foreign topics", async () => {
  const log = new MemoryLog(1, () => 0);
  const { port1, port2 } = new MessageChannel();
  const end = serveLog({ client: () => log }, port2);
  const remote = new RemoteLog(port1);
  await assert.rejects(
    remote.read("readings", 0, 0, () => {}),
    /has no foreign topics: readings cannot be read/,
  );
  await remote.close();
  end();
});
