/**
 * Serves one client of the log over a message port.
 *
 * 1. A port that closes, or says "bye", ends its subscriptions; so does the function returned.
 * 2. What all subscriptions of the client get in one turn is one message: to wake a thread costs more than to tell it
 *    something, and a group of small appends has frames for every shard.
 */

import type { MessagePort } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import type { LogFrame, RecordFrame } from "../core/log_frame.ts";
import { seal, serve, toWireError } from "../rpc.ts";
import { LogError, type MailboxLog, type NewFrame, type Subscription, type TopicLog } from "./port.ts";
import type { ClientToLog, FrameBatch, LogToClient } from "./thread_messages.ts";

/** A log that several clients share. */
export interface ServedLog {
  client(): MailboxLog;
  /** Left out where there are no foreign topics. */
  readonly topics?: TopicLog;
}

/** Returns a function that ends the service and closes the port. */
export function serveLog(log: ServedLog, port: MessagePort): () => void {
  const client = log.client();
  const subscriptions = new Map<number, Subscription>();
  const outbox = new ClientOutbox(port);

  const failing = (subscription: number) => (thrown: unknown) => {
    subscriptions.delete(subscription);
    outbox.post({ type: "ended", subscription, ...toWireError(thrown), message: errorMessage(thrown) });
  };
  const subscribe = async (shard: number, from: number, subscription: number): Promise<void> => {
    const deliver = (frames: readonly LogFrame[]) => outbox.deliver(subscription, frames);
    subscriptions.set(
      subscription,
      await client.subscribe(shard, from, deliver, failing(subscription)),
    );
  };
  let isOver = false;
  const read = async (topic: string, shard: number, from: number, subscription: number): Promise<void> => {
    const deliver = (frames: readonly RecordFrame[]) => outbox.records(subscription, frames);
    const reader = await topicsOf(log, topic).read(topic, shard, from, deliver, failing(subscription));
    // Not one of the client's own: nobody else would close it.
    if (isOver) reader.close();
    else subscriptions.set(subscription, reader);
  };

  const stopServing = serve(port, {
    append: (frames: readonly NewFrame[]) => client.append(frames),
    extent: (shard: number) => client.extent(shard),
    trim: (shard: number, below: number) => client.trim(shard, below),
    holds: (shard: number) => client.holds(shard),
    subscribe,
    read,
    extents: (topic: string) => topicsOf(log, topic).extents(topic),
  });
  const end = () => {
    stopServing();
    port.off("message", onMessage);
    isOver = true;
    void client.close();
    for (const subscription of subscriptions.values()) subscription.close();
    subscriptions.clear();
  };
  const onMessage = (message: ClientToLog) => {
    switch (message.type) {
      case "grant":
        return subscriptions.get(message.subscription)?.grant(message.bytes);
      case "unsubscribe":
        subscriptions.get(message.subscription)?.close();
        return void subscriptions.delete(message.subscription);
      case "bye":
        end();
        return port.close();
    }
  };
  port.on("message", onMessage);
  port.on("close", end);
  return () => {
    end();
    outbox.post({ type: "bye" });
    port.close();
  };
}

function topicsOf({ topics }: ServedLog, topic: string): TopicLog {
  if (topics !== undefined) return topics;
  throw new LogError("refused", `This log has no foreign topics: ${topic} cannot be read.`);
}

/** Keeps the order of what it is given. */
class ClientOutbox {
  readonly #port: MessagePort;
  #batches: FrameBatch[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Leaves when the present turn of the event loop has delivered to everybody. */
  deliver(subscription: number, frames: readonly LogFrame[]): void {
    if (this.#batches.length === 0) queueMicrotask(() => this.#flush());
    this.#batches.push({
      subscription,
      offset: frames[0]?.offset ?? 0,
      stampsMs: frames.map((frame) => frame.stampMs),
      texts: frames.map((frame) => frame.text),
    });
  }

  records(subscription: number, frames: readonly RecordFrame[]): void {
    this.#flush();
    const message: LogToClient = { type: "records", subscription, frames: seal(frames) };
    const memory = frames.flatMap(({ offsets, lengths, bytes }) => [
      offsets.buffer,
      lengths.buffer,
      bytes.buffer,
    ]);
    this.#port.postMessage(message, memory);
  }

  post(message: LogToClient): void {
    this.#flush();
    this.#port.postMessage(message);
  }

  #flush(): void {
    if (this.#batches.length === 0) return;
    const message: LogToClient = { type: "frames", batches: seal(this.#batches) };
    this.#batches = [];
    this.#port.postMessage(message);
  }
}
