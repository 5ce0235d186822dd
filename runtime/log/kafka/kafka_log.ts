/**
 * `MailboxLog` on a Kafka topic, one partition per shard, for any number of clients; and `TopicLog` on the foreign topics
 * beside it.
 *
 * 1. `append` resolves when all in-sync replicas have the frames; see `appends.ts` for what happens when they do not.
 * 2. The stamps are the brokers' `LogAppendTime`. A shard's stamps go back only where a broker's clock does.
 * 3. `close` sends what waits; the log answers "closed" from then on. It takes `closeMs` at most: what brokers that do not
 *    answer have kept from being done by then is given up, and `report` hears of it.
 */

import type { Admin } from "kafkajs";
import type { Agreement, Member } from "../../core/cluster.ts";
import type { LogFrame, RecordFrame } from "../../core/log_frame.ts";
import { partitionName } from "../../core/sequence.ts";
import { throwToThread } from "../deliveries.ts";
import { LogClient, type SharedLog } from "../log_client.ts";
import {
  type AppendReceipt,
  LogError,
  type LogExtent,
  type MailboxLog,
  type NewFrame,
  type Subscription,
  type SubscriptionEnded,
  type TopicLog,
} from "../port.ts";
import type { MemberCalls } from "../thread_messages.ts";
import { KafkaAppends } from "./appends.ts";
import { BrokerWatch } from "./broker_watch.ts";
import { kafkaClient } from "./client.ts";
import { LogConsumer } from "./consumer.ts";
import { GroupCoordinator } from "./group_coordinator.ts";
import { Hindrances } from "./hindrances.ts";
import { clientIdOf, Membership } from "./membership.ts";
import { isClosedAtOnce, outsideSentence, refusalOf, unavailable, waitingSentence } from "./errors.ts";
import {
  closeDeadlineMs,
  closedNoticeMs,
  closedRefusalMs,
  closeMs,
  fewRetries,
  reconnectMs,
  retries,
  sessionTimeoutMs,
} from "./limits.ts";
import { extentsOf, MailboxOffsets } from "./offsets.ts";
import { type KafkaSettings, mailboxTopic, nodesGroup } from "./settings.ts";
import { PartitionWatch } from "./partition_watch.ts";
import { ensureKeyedTopic, ensureMailboxTopic } from "./topic.ts";
import { hasSettled } from "../../rpc.ts";

export interface KafkaLogOptions {
  readonly settings: KafkaSettings;
  readonly shards: number;
  /** Foreign ones that are folded directly. */
  readonly topics: readonly string[];
  /** Identity of the log that must be there; null: any will do. */
  readonly expected: string | null;
  readonly member: Member;
  /** Hears what the nodes agree, until the log is closed. */
  readonly onAgreed: (agreement: Agreement) => void;
  /** Hears what is waited for, while opening and later; null when it works again. */
  readonly onWaiting: (sentence: string | null) => void;
  /** Hears what a person should know while the log goes on. */
  readonly report: (sentence: string) => void;
  /** How long brokers may close each connection at once before they are refused; left out: `closedRefusalMs`. */
  readonly refuseClosedAfterMs?: number;
}

export class KafkaLog implements MailboxLog, SharedLog {
  readonly identity: string;
  readonly members: MemberCalls = {
    join: () => this.#join(),
    table: async () => await this.#membership.table(),
    evict: async (name) => await this.#membership.evict(name),
  };
  readonly topics: TopicLog = {
    read: async (topic, shard, from, deliver) => await this.#read(topic, shard, from, deliver),
    extents: async (topic) => await this.#topicExtents(topic),
  };
  readonly #admin: Admin;
  readonly #topics: readonly string[];
  readonly #settings: KafkaSettings;
  readonly #report: (sentence: string) => void;
  readonly #shards: number;
  readonly #appends: KafkaAppends;
  readonly #coordinator: GroupCoordinator;
  readonly #membership: Membership;
  readonly #consumer: LogConsumer;
  readonly #offsets: MailboxOffsets;
  readonly #own: LogClient;
  #watch: BrokerWatch | null = null;
  #partitions: PartitionWatch | null = null;
  readonly #hindrances: Hindrances;
  #closing: Promise<void> | null = null;
  #opened: readonly LogExtent[] = [];
  /** What a person should know of its topic, as a sentence; null when all is as it should be. */
  readonly warning: string | null;

  /** Waits for the brokers as long as it takes; throws a `LogError` "refused" when waiting does not help. */
  static async open(options: KafkaLogOptions): Promise<KafkaLog> {
    const { settings, onWaiting, refuseClosedAfterMs = closedRefusalMs } = options;
    let closedSinceMs = Infinity;
    for (let isWaiting = false;; isWaiting = true) {
      try {
        const log = await tryOpen(options);
        if (isWaiting) onWaiting(null);
        return log;
      } catch (thrown) {
        const refusal = refusalOf(thrown, settings);
        if (refusal !== null) throw refusal;
        const sentence = waitingSentence(thrown, settings);
        const nowMs = performance.now();
        closedSinceMs = isClosedAtOnce(thrown) ? Math.min(closedSinceMs, nowMs) : Infinity;
        const closedForMs = nowMs - closedSinceMs;
        if (closedForMs >= refuseClosedAfterMs) throw new LogError("refused", sentence, { cause: thrown });
        if (closedSinceMs === Infinity || closedForMs >= closedNoticeMs) onWaiting(sentence);
        await new Promise((resolve) => setTimeout(resolve, reconnectMs));
      }
    }
  }

  constructor(identity: string, warning: string | null, options: KafkaLogOptions, admin: Admin) {
    const { settings, shards, topics, member, onAgreed, onWaiting, report } = options;
    this.identity = identity;
    this.warning = warning;
    this.#admin = admin;
    this.#topics = topics;
    this.#shards = shards;
    this.#hindrances = new Hindrances(onWaiting);
    const mailbox = mailboxTopic(settings);
    this.#appends = new KafkaAppends({
      kafka: kafkaClient(settings, retries),
      settings,
      topic: mailbox,
      waiting: (sentence) => {
        if (sentence === null) this.#watch?.back();
        this.#hindrances.say("appends", sentence);
      },
    });
    this.#offsets = new MailboxOffsets({
      admin,
      settings,
      topic: mailbox,
      begins: (shard, begin) => this.#consumer.begins(shard, begin),
    });
    const group = nodesGroup(settings);
    this.#coordinator = new GroupCoordinator({ kafka: kafkaClient(settings, fewRetries), settings, group });
    this.#membership = new Membership({
      coordinator: this.#coordinator,
      settings,
      member,
      shards,
      // It may take part in an agreement on its way out.
      onAgreed: (agreement) => this.#closing === null && onAgreed(agreement),
    });
    this.#consumer = new LogConsumer({
      kafka: kafkaClient(settings, retries, {
        clientId: clientIdOf(settings, member.name),
        hear: (entry) => this.#consumer.hear(entry),
      }),
      group,
      membership: this.#membership,
      mailbox,
      topics,
      shards,
      extent: (topic, partition) =>
        topic === mailbox ? this.#offsets.extent(partition) : this.#extentOf(topic, partition),
      report,
      outside: (thrown) =>
        this.#hindrances.say("consumer", thrown === null ? null : outsideSentence(thrown, settings)),
    });
    this.#own = this.client();
    this.#settings = settings;
    this.#report = report;
  }

  async start(): Promise<void> {
    await this.#appends.open();
    await this.#coordinator.open();
    // Of a topic that was made a moment ago, brokers may not know yet who leads it.
    this.#opened = await this.#offsets.extents();
    this.#watch = new BrokerWatch({
      settings: this.#settings,
      ask: () => this.#offsets.extents(),
      appendedMs: () => this.#appends.succeededMs,
      said: (sentence) => this.#hindrances.say("watch", sentence),
    });
    this.#partitions = new PartitionWatch({
      admin: this.#admin,
      mailbox: mailboxTopic(this.#settings),
      topics: this.#topics,
      shards: this.#shards,
      report: this.#report,
    });
  }

  /** Where the shards began and ended when it was opened. */
  get opened(): readonly LogExtent[] {
    return this.#opened;
  }

  async #join(): Promise<void> {
    try {
      await this.#consumer.open();
    } catch (thrown) {
      const refusal = refusalOf(thrown, this.#settings);
      if (refusal !== null) throw refusal;
      this.#hindrances.say("consumer", outsideSentence(thrown, this.#settings));
      this.#consumer.openLater();
    }
  }

  /** Another client, with subscriptions of its own. */
  client(): LogClient {
    return new LogClient(this);
  }

  async append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    this.#checkOpen();
    for (const { shard } of frames) this.#checkShard(shard);
    const away = this.#hindrances.of("watch");
    if (away !== null) throw new LogError("unavailable", away);
    return frames.length === 0 ? [] : await this.#appends.append(frames);
  }

  subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription> {
    return this.#own.subscribe(shard, from, deliver, failed);
  }

  async open(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed: SubscriptionEnded = throwToThread,
  ): Promise<Subscription> {
    const { begin, end } = await this.extent(shard);
    this.#checkOpen();
    if (!Number.isInteger(from) || from < begin || from > end) {
      throw new LogError(
        "out_of_range",
        `Cannot read shard ${shard} from offset ${from}: the log begins at ${begin} and ends before ${end}; ` +
          `a reader may begin at ${begin} to ${end}.`,
      );
    }
    return this.#consumer.subscribe(shard, from, deliver, failed);
  }

  #read(
    topic: string,
    shard: number,
    from: number,
    deliver: (frames: readonly RecordFrame[]) => void,
  ): Subscription {
    this.#checkOpen();
    this.#checkShard(shard);
    this.#checkTopic(topic);
    return this.#consumer.read(topic, shard, from, deliver);
  }

  async #extentOf(topic: string, partition: number): Promise<LogExtent> {
    const extent = (await extentsOf(this.#admin, topic))[partition];
    if (extent !== undefined) return extent;
    throw new LogError("unavailable", `Kafka does not know ${partitionName(topic, partition)}.`);
  }

  async #topicExtents(topic: string): Promise<readonly LogExtent[]> {
    this.#checkOpen();
    this.#checkTopic(topic);
    try {
      return await extentsOf(this.#admin, topic);
    } catch (thrown) {
      throw unavailable(thrown, this.#settings);
    }
  }

  async extent(shard: number): Promise<LogExtent> {
    this.#checkOpen();
    this.#checkShard(shard);
    return await this.#offsets.extent(shard);
  }

  async trim(shard: number, below: number): Promise<void> {
    this.#checkOpen();
    this.#checkShard(shard);
    await this.#offsets.trim(shard, below);
  }

  async holds(shard: number): Promise<boolean> {
    this.#checkOpen();
    this.#checkShard(shard);
    return await this.#membership.holds(shard);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const endMs = performance.now() + closeMs;
    const byThen = (work: Promise<unknown>) => hasSettled(work, Math.max(0, endMs - performance.now()));
    this.#watch?.close();
    this.#partitions?.close();
    const unsent = await this.#appends.close();
    let hasLeft = false;
    const leaving = this.#leave().then(() => hasLeft = true);
    await byThen(Promise.allSettled([leaving, this.#offsets.close()]));
    this.#tellGivenUp(unsent, hasLeft);
  }

  async #leave(): Promise<void> {
    await this.#consumer.close();
    try {
      await this.#membership.close();
    } finally {
      await this.#coordinator.close();
    }
  }

  #tellGivenUp(unsent: number, hasLeft: boolean): void {
    const givenUp: string[] = [];
    if (unsent > 0) givenUp.push(`appends that may be written or not: ${unsent}`);
    if (!hasLeft) givenUp.push(`telling the other nodes, who miss this one after ${sessionTimeoutMs} ms`);
    if (givenUp.length === 0) return;
    const at = this.#settings.brokers.join(", ");
    this.#report(
      `The log was closed while Kafka at ${at} did not answer. Given up are ${givenUp.join(", and ")}.`,
    );
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new LogError("closed", "The log is closed.");
  }

  #checkTopic(topic: string): void {
    if (this.#topics.includes(topic)) return;
    throw new LogError("refused", `The log was not opened with the topic ${topic}: it cannot be read.`);
  }

  #checkShard(shard: number): void {
    if (Number.isInteger(shard) && shard >= 0 && shard < this.#shards) return;
    throw new LogError(
      "out_of_range",
      `The log has no shard ${shard}; its shards are 0 to ${this.#shards - 1}.`,
    );
  }
}

async function tryOpen(options: KafkaLogOptions): Promise<KafkaLog> {
  const { settings, shards, topics, expected } = options;
  const admin = kafkaClient(settings, fewRetries).admin({ retry: fewRetries });
  let log: KafkaLog | null = null;
  try {
    await admin.connect();
    const { clusterId } = await admin.describeCluster();
    const identity = `kafka:${clusterId}/${settings.prefix}`;
    if (expected !== null && expected !== identity) {
      throw new LogError(
        "refused",
        `The log at ${settings.brokers.join(", ")} is ${identity}, and the store belongs to ${expected}. ` +
          "Name the cluster and the prefix that the store was made with, or use another store.",
      );
    }
    const warning = await ensureMailboxTopic(admin, mailboxTopic(settings), shards);
    for (const topic of topics) await ensureKeyedTopic(admin, topic, shards);
    log = new KafkaLog(identity, warning, options, admin);
    await log.start();
    return log;
  } catch (thrown) {
    await (log === null ? hasSettled(admin.disconnect(), closeDeadlineMs) : log.close());
    throw thrown;
  }
}
