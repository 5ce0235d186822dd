/**
 * `MailboxLog`, and `TopicLog` where that thread has foreign topics, in another thread, over a message port to the log's thread.
 *
 * 1. Every call settles. When the log's thread ends without a word, calls under way fail as "unknown", later ones
 *    as "unavailable", and subscriptions end as "unavailable"; after an orderly end, calls fail as "closed". When the
 *    thread does not answer in time, appends fail as "unknown", other calls as "unavailable".
 * 2. Nothing is delivered after a subscription's `close` returned, though it may be on its way.
 */

import type { MessagePort } from "node:worker_threads";
import { MAILBOX } from "../core/checkpoint.ts";
import type { LogFrame, RecordFrame } from "../core/log_frame.ts";
import { RpcClient, threadCallDeadlineMs, unseal } from "../rpc.ts";
import {
  type AppendReceipt,
  LogError,
  type LogExtent,
  type MailboxLog,
  type NewFrame,
  type Subscription,
  type SubscriptionEnded,
  type TopicLog,
} from "./port.ts";
import { throwToThread } from "./deliveries.ts";
import { type ClientToLog, type FrameBatch, type LogToClient, reviveLogError } from "./thread_messages.ts";

type RemoteSubscription =
  & { readonly topic: string; readonly shard: number; readonly failed: SubscriptionEnded }
  & (
    | { readonly of: "frames"; readonly deliver: (frames: readonly LogFrame[]) => void }
    | { readonly of: "records"; readonly deliver: (frames: readonly RecordFrame[]) => void }
  );

export class RemoteLog implements MailboxLog, TopicLog {
  readonly #port: MessagePort;
  readonly #rpc: RpcClient;
  readonly #subscriptions = new Map<number, RemoteSubscription>();
  #lastSubscription = 0;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosing = false;
  #end: LogError | null = null;

  constructor(port: MessagePort, deadlineMs = threadCallDeadlineMs) {
    this.#port = port;
    this.#rpc = new RpcClient(port, ({ code, message }) => reviveLogError(code, message), {
      afterMs: deadlineMs,
      error: (method) =>
        new LogError(
          method === "append" ? "unknown" : "unavailable",
          `The log's thread did not answer "${method}" within ${deadlineMs} ms: its disk hangs, or is overloaded.`,
        ),
    });
    port.on("message", (message: LogToClient) => this.#receive(message));
    port.on("close", () => this.#lose());
  }

  append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    return this.#call("append", [frames]);
  }

  extent(shard: number): Promise<LogExtent> {
    return this.#call("extent", [shard]);
  }

  extents(topic: string): Promise<readonly LogExtent[]> {
    return this.#call("extents", [topic]);
  }

  trim(shard: number, below: number): Promise<void> {
    return this.#call("trim", [shard, below]);
  }

  holds(shard: number): Promise<boolean> {
    return this.#call("holds", [shard]);
  }

  async subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed: SubscriptionEnded = throwToThread,
  ): Promise<Subscription> {
    const subscription = ++this.#lastSubscription;
    await this.#call("subscribe", [shard, from, subscription]);
    return this.#subscribed(subscription, { of: "frames", topic: MAILBOX, shard, deliver, failed });
  }

  async read(
    topic: string,
    shard: number,
    from: number,
    deliver: (frames: readonly RecordFrame[]) => void,
    failed: SubscriptionEnded = throwToThread,
  ): Promise<Subscription> {
    const subscription = ++this.#lastSubscription;
    await this.#call("read", [topic, shard, from, subscription]);
    return this.#subscribed(subscription, { of: "records", topic, shard, deliver, failed });
  }

  #subscribed(subscription: number, remote: RemoteSubscription): Subscription {
    this.#drop(remote, subscription);
    this.#subscriptions.set(subscription, remote);
    return {
      grant: (bytes) => this.#post({ type: "grant", subscription, bytes }),
      close: () => {
        if (this.#subscriptions.delete(subscription)) this.#post({ type: "unsubscribe", subscription });
      },
    };
  }

  /** Leaves the log, which stays open for others, when the calls under way are answered. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.allSettled(this.#underWay);
    if (this.#end !== null) return;
    this.#post({ type: "bye" });
    this.#finish(new LogError("closed", "This client of the log is closed."));
    this.#port.close();
  }

  #call<T>(method: string, args: readonly unknown[]): Promise<T> {
    if (this.#end !== null) return Promise.reject(this.#end);
    if (this.#isClosing) return Promise.reject(new LogError("closed", "This client of the log is closing."));
    const call = this.#rpc.call<T>(method, args).finally(() => this.#underWay.delete(call));
    this.#underWay.add(call);
    return call;
  }

  #post(message: ClientToLog): void {
    if (this.#end === null) this.#port.postMessage(message);
  }

  #receive(message: LogToClient): void {
    switch (message.type) {
      case "frames":
        return unseal(message.batches).forEach((batch) => this.#deliver(batch));
      case "records": {
        const reader = this.#subscriptions.get(message.subscription);
        if (reader?.of === "records") reader.deliver(unseal(message.frames));
        return;
      }
      case "ended": {
        const ended = this.#subscriptions.get(message.subscription);
        this.#subscriptions.delete(message.subscription);
        return ended?.failed(reviveLogError(message.code, message.message));
      }
      case "bye":
        return this.#finish(new LogError("closed", "The log is closed."));
    }
  }

  #deliver({ subscription: number, offset, stampsMs, texts }: FrameBatch): void {
    const subscription = this.#subscriptions.get(number);
    if (subscription?.of !== "frames") return;
    const { shard } = subscription;
    subscription.deliver(texts.map((text, place) => ({
      topic: MAILBOX,
      shard,
      offset: offset + place,
      stampMs: stampsMs[place] ?? 0,
      text,
    })));
  }

  /** A second subscription to a topic of a shard replaces the first, as it did in the log's thread. */
  #drop({ topic, shard }: RemoteSubscription, except: number): void {
    for (const [number, other] of this.#subscriptions) {
      if (other.topic !== topic || other.shard !== shard || number >= except) continue;
      this.#subscriptions.delete(number);
      this.#post({ type: "unsubscribe", subscription: number });
    }
  }

  #lose(): void {
    if (this.#end !== null) return;
    const lost = new LogError("unavailable", "The log's thread has ended; its node must be started again.");
    const subscriptions = [...this.#subscriptions.values()];
    this.#finish(lost);
    for (const { failed } of subscriptions) failed(lost);
  }

  #finish(end: LogError): void {
    this.#end = end;
    this.#subscriptions.clear();
    this.#rpc.fail(new LogError("unknown", `The log went away before it answered: ${end.message}`));
  }
}
