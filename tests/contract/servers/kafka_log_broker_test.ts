/** What only a log on Kafka can meet: a broker that dies or stops, deleted records, foreign topics, credentials. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import type { Agreement } from "../../../runtime/core/cluster.ts";
import type { Server } from "../../../deploy/services/server.ts";
import { kafkaClient } from "../../../runtime/log/kafka/client.ts";
import { closeMs, fewRetries, requestTimeoutMs, silenceMs } from "../../../runtime/log/kafka/limits.ts";
import { extentsOf } from "../../../runtime/log/kafka/offsets.ts";
import { PartitionWatch } from "../../../runtime/log/kafka/partition_watch.ts";
import { type KafkaSettings, mailboxTopic, type SaslMechanism } from "../../../runtime/log/kafka/settings.ts";
import { startKafkaLogThread } from "../../../runtime/log/kafka/start_kafka_log_thread.ts";
import type { LogError } from "../../../runtime/log/port.ts";
import { RemoteLog } from "../../../runtime/log/remote_log.ts";
import { freePort } from "../../../deploy/services/free_port.ts";
import { ownKafka, skipUnlessServersInstalled } from "../../services/own_server.ts";
import { uniqueName } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { range } from "../log_collector.ts";
import { readAll, rejectsWith } from "../log_contract.ts";
import { losesNothing } from "./kafka_disturbance.ts";
import { intrude, intruded } from "./kafka_intruder.ts";
import { openKafkaLog } from "./kafka_logs.ts";

const plenty = 1 << 30;
const secret = "not-to-be-shown";

interface Broker extends AsyncDisposable {
  readonly server: Server;
  readonly ca: string;
  readonly ports: { readonly plain: number; readonly sasl: number; readonly tls: number };
}

async function startBroker(): Promise<Broker> {
  const [plain, sasl, tls] = [freePort(), freePort(), freePort()];
  const secure = { saslPlaintextPort: sasl, saslSslPort: tls, user: "node", password: secret };
  const own = await ownKafka({ port: plain, secure });
  const ca = await Deno.readTextFile(join(own.server.folder, "tls", "ca.pem"));
  return { ...own, ca, ports: { plain, sasl, tls } };
}

const settingsOf = (port: number, more: Partial<KafkaSettings> = {}): KafkaSettings => ({
  brokers: [`127.0.0.1:${port}`],
  tls: null,
  sasl: null,
  prefix: uniqueName("log"),
  ...more,
});

const open = (settings: KafkaSettings, expected: string | null = null, shards = 4) =>
  openKafkaLog({ settings, shards, expected, report: () => {}, refuseClosedAfterMs: 1000 });

const opened = ({ ports }: Broker) => () => open(settingsOf(ports.plain));

async function restarts({ server }: Broker): Promise<void> {
  await server.kill();
  await server.start();
}

async function standsStill({ server }: Broker, forMs: number): Promise<void> {
  await server.pause();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  await server.resume();
}

/** Longer than the library waits for an answer: it sends again what the broker has taken, and takes when it goes on. */
const answerlessMs = requestTimeoutMs + 1000;

/** Its members' sessions have ended, too. */
async function keepsItsShards(broker: Broker): Promise<void> {
  const agreed: Agreement[] = [];
  const settings = settingsOf(broker.ports.plain);
  const open = () => openKafkaLog({ settings, shards: 4, onAgreed: (agreement) => agreed.push(agreement) });
  await losesNothing(open, () => standsStill(broker, silenceMs + 1000));
  const given = agreed.map(({ own }) => own.join());
  assert.deepEqual([...new Set(given)], ["0,1,2,3"], "there is nobody who could have them meanwhile");
}

async function failsFast({ server, ports }: Broker): Promise<void> {
  const waiting: (string | null)[] = [];
  let heard = () => {};
  const onWaiting = (sentence: string | null) => {
    waiting.push(sentence);
    heard();
  };
  const until = (is: (sentence: string | null) => boolean, what: string) =>
    within(
      what,
      new Promise<void>((resolve) => {
        heard = () => is(waiting.at(-1) ?? null) ? resolve() : undefined;
      }),
      // The broker's own start is part of it.
      60_000,
    );
  const thread = startKafkaLogThread({
    settings: settingsOf(ports.plain),
    shards: 4,
    member: { name: "test", url: "", dead: [] },
    report: console.error,
    onWaiting,
  });
  const log = new RemoteLog(thread.connect());
  await thread.ready;
  await thread.membership?.join();
  await log.append([{ shard: 0, text: "before" }]);
  // Nothing is appended: the log notices by itself.
  const down = until((sentence) => sentence !== null, "the log to say what it waits for");
  await server.stop();
  await down;
  assert.match(waiting.at(-1) ?? "", /^Kafka at 127\.0\.0\.1:\d+ does not answer: /);
  const startMs = performance.now();
  await rejectsWith("unavailable", log.append([{ shard: 0, text: "refused" }]));
  assert(performance.now() - startMs < 500, "it fails at once");
  const up = until((sentence) => sentence === null, "the log to go on");
  await server.start();
  const readyMs = performance.now();
  await up;
  assert(performance.now() - readyMs < 2500, `${performance.now() - readyMs} ms after the broker`);
  await log.append([{ shard: 0, text: "after" }]);
  const { texts } = await readAll(log, 0, 0);
  assert.equal(texts.at(-1), "after");
  assert(!texts.includes("refused"));
  await log.close();
  await thread.close();
}

async function closesInTime({ server, ports }: Broker): Promise<void> {
  const told: string[] = [];
  const thread = startKafkaLogThread({
    settings: settingsOf(ports.plain),
    shards: 4,
    member: { name: "test", url: "", dead: [] },
    report: (sentence) => void told.push(sentence),
    onWaiting: () => {},
  });
  const log = new RemoteLog(thread.connect());
  await thread.ready;
  await thread.membership?.join();
  await log.append([{ shard: 0, text: "before" }]);
  await server.pause();
  const startMs = performance.now();
  await Promise.all([
    rejectsWith("unknown", log.append([{ shard: 0, text: "given up" }])),
    thread.close(),
  ]);
  const tookMs = performance.now() - startMs;
  await server.resume();
  assert(tookMs < closeMs + 500, `it took ${tookMs} ms`);
  assert.equal(
    told.join(),
    `The log was closed while Kafka at 127.0.0.1:${ports.plain} did not answer. Given up are appends that may be ` +
      "written or not: 1, and telling the other nodes, who miss this one after 6000 ms.",
  );
}

/** The broker has records of the log's producer that it has not sent. */
async function goesOnBeyondForeignSequence({ ports }: Broker): Promise<void> {
  const settings = settingsOf(ports.plain);
  const back = Promise.withResolvers<void>();
  const onWaiting = (sentence: string | null) => sentence === null ? back.resolve() : undefined;
  const log = await openKafkaLog({ settings, shards: 4, onWaiting });
  for (const text of ["0", "1"]) await log.append([{ shard: 0, text }]);
  await intrude(settings, { epoch: 0, sequence: 2, records: 3 });
  const frame = [{ shard: 0, text: "2" }];
  const error = await rejectsWith("unknown", log.append(frame));
  assert.match(
    error.message,
    /^Kafka at 127\.0\.0\.1:\d+ answers with an error: .*out of order sequence number\.$/,
  );
  await within("another producer", back.promise);
  await log.append(frame);
  assert.deepEqual((await readAll(log, 0, 0)).texts, ["0", "1", intruded, intruded, intruded, "2"]);
  await log.close();
}

async function endsAtGap({ ports }: Broker): Promise<void> {
  const settings = settingsOf(ports.plain);
  const log = await open(settings);
  await log.append(range(0, 10).map((n) => ({ shard: 1, text: `${n}` })));
  const ended = Promise.withResolvers<LogError>();
  const subscription = await log.subscribe(1, 0, () => assert.fail("delivered"), ended.resolve);
  const admin = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topic = `${settings.prefix}.mailbox`;
  // The library deletes nothing of a topic that it has not asked about.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: "6" }] });
  await admin.disconnect();
  subscription.grant(plenty);
  const error = await within("the end of the subscription", ended.promise);
  assert.equal(error.code, "out_of_range");
  assert.match(error.message, /Records 0\.\.5 of shard 1 are missing/);
  assert.deepEqual((await readAll(log, 1, 6)).offsets, range(6, 10));
  await log.close();
}

async function refusesOtherTopics({ ports }: Broker): Promise<void> {
  const settings = settingsOf(ports.plain);
  const log = await open(settings);
  await log.close();
  const count = await rejectsWith("refused", open(settings, null, 8));
  assert.match(count.message, /has 4 partitions, and there are 8 shards/);
  const other = await rejectsWith("refused", open(settings, "kafka:another/log"));
  assert.match(other.message, /belongs to kafka:another\/log/);
  await (await open(settings, log.identity)).close();
}

async function noticesMorePartitions({ ports }: Broker): Promise<void> {
  const settings = settingsOf(ports.plain);
  const topic = uniqueName("keyed");
  const heard = Promise.withResolvers<string>();
  const log = await openKafkaLog({ settings, shards: 4, topics: [topic], report: heard.resolve });
  const admin = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
  await admin.disconnect();
  assert.match(
    await within("the sentence", heard.promise),
    /^Topic .*keyed.* has 5 partitions, and there are 4 shards: /,
  );
  await log.close();
}

/** Of a node that is asked strictly: by the very client that looks at the partitions. */
async function knowsExtentsMeanwhile({ ports }: Broker): Promise<void> {
  const settings = settingsOf(ports.plain);
  const topic = uniqueName("keyed");
  await (await openKafkaLog({ settings, shards: 4, topics: [topic] })).close();
  const admin = kafkaClient(settings, fewRetries).admin({ retry: fewRetries });
  await admin.connect();
  const mailbox = mailboxTopic(settings);
  const report = (sentence: string) => assert.fail(sentence);
  const watch = new PartitionWatch({ admin, mailbox, topics: [topic], shards: 4, report }, 1);
  try {
    for (let asked = 0; asked < 500; asked++) assert.equal((await extentsOf(admin, mailbox)).length, 4);
  } finally {
    watch.close();
    await admin.disconnect();
  }
}

/** In front of a port; until `opens` it closes what connects. */
function doorTo(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let isOpen = false;
  const pass = async (connection: Deno.TcpConn) => {
    if (!isOpen) return connection.close();
    const broker = await Deno.connect({ hostname: "127.0.0.1", port });
    await Promise.allSettled([
      connection.readable.pipeTo(broker.writable),
      broker.readable.pipeTo(connection.writable),
    ]);
  };
  const passing: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const connection of listener) passing.push(pass(connection));
  })();
  return {
    port: listener.addr.port,
    opens: () => void (isOpen = true),
    close: async () => {
      listener.close();
      await accepting;
      await Promise.all(passing);
    },
  };
}

async function waitsBehindDoor({ ports }: Broker): Promise<void> {
  const door = doorTo(ports.plain);
  const said: (string | null)[] = [];
  const waits = Promise.withResolvers<void>();
  const onWaiting = (sentence: string | null) => {
    said.push(sentence);
    waits.resolve();
  };
  const opening = openKafkaLog({ settings: settingsOf(door.port), shards: 4, onWaiting });
  await within("the sentence", waits.promise);
  assert.match(String(said[0]), /closes the connection at once/);
  door.opens();
  const log = await within("the log", opening, 30_000);
  assert.equal(said.at(-1), null);
  await log.close();
  await door.close();
}

async function authenticates({ ca, ports }: Broker): Promise<void> {
  const sasl = (mechanism: SaslMechanism, password = secret) => ({ mechanism, username: "node", password });
  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    const log = await open(settingsOf(ports.sasl, { sasl: sasl(mechanism) }));
    await log.append([{ shard: 0, text: mechanism }]);
    await log.close();
  }
  const log = await open(settingsOf(ports.tls, { tls: { ca }, sasl: sasl("scram-sha-256") }));
  assert.equal((await log.append([{ shard: 0, text: "TLS" }])).length, 1);
  await log.close();
  const refusals: readonly [KafkaSettings, RegExp][] = [
    [
      settingsOf(ports.sasl, { sasl: sasl("plain", "wrong-password") }),
      /refuses the user name or the password/,
    ],
    [settingsOf(ports.sasl, { sasl: sasl("scram-sha-512", "wrong-password") }), /refuses the user name/],
    [settingsOf(ports.tls, { tls: { ca: null }, sasl: sasl("plain") }), /certificate that is not trusted/],
    [
      settingsOf(ports.plain, { tls: { ca } }),
      /closes the connection at once.*by TLS and without a user name/,
    ],
    [
      settingsOf(ports.tls, { sasl: sasl("plain") }),
      /closes the connection at once.*without TLS and as node/,
    ],
    [settingsOf(ports.sasl), /closes the connection at once.*without TLS and without a user name/],
    [settingsOf(ports.plain, { sasl: sasl("plain") }), /takes no user name by plain on this port/],
  ];
  for (const [settings, sentence] of refusals) {
    const error = await rejectsWith("refused", within(`a refusal: ${sentence}`, open(settings)));
    assert.match(error.message, sentence);
    assert.doesNotMatch(error.message, /wrong-password|not-to-be-shown/);
  }
}

Deno.test({
  name: "KafkaLog on a broker of its own",
  ignore: skipUnlessServersInstalled("The log on a broker that dies", ["kafka"]),
  fn: async (t) => {
    await using broker = await startBroker();
    await t.step("refuses a topic of another size, and another log", () => refusesOtherTopics(broker));
    await t.step("says that a topic got more partitions meanwhile", () => noticesMorePartitions(broker));
    await t.step("knows where it ends while its topics are looked at", () => knowsExtentsMeanwhile(broker));
    await t.step("waits for a broker behind a proxy that closes connections", () => waitsBehindDoor(broker));
    await t.step("authenticates, and says what is wrong without secrets", () => authenticates(broker));
    await t.step("ends a subscription below which records were deleted", () => endsAtGap(broker));
    await t.step("fails appends fast while the broker is stopped, then goes on", () => failsFast(broker));
    await t.step(
      "closes in time while the broker stands still, and says what it gives up",
      () => closesInTime(broker),
    );
    await t.step(
      "loses and repeats nothing when the broker is killed",
      () => losesNothing(opened(broker), () => restarts(broker)),
    );
    await t.step("nor when it knows a newer life of the log's producer", () => {
      const settings = settingsOf(broker.ports.plain);
      const fence = () => intrude(settings, { epoch: 1, sequence: 0, records: 2 });
      return losesNothing(() => open(settings), fence);
    });
    await t.step(
      "goes on with another producer when its own is out of order",
      () => goesOnBeyondForeignSequence(broker),
    );
    await t.step(
      "nor when it stands still",
      () => losesNothing(opened(broker), () => standsStill(broker, answerlessMs)),
    );
    await t.step(
      "nor when it stands still for long, and a node alone keeps its shards",
      () => keepsItsShards(broker),
    );
  },
});
