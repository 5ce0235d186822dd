/**
 * Serves one client of the log over a message port.
 *
 * 1. A port that closes, or says "bye", ends its subscriptions; so does the function returned.
 * 2. A batch of frames is one message.
 */

import type { MessagePort } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import type { LogFrame } from "../core/log_frame.ts";
import { seal, serve, toWireError } from "../rpc.ts";
import type { LocalLog } from "./local_log.ts";
import type { NewFrame, Subscription } from "./port.ts";
import type { ClientToLog, LogToClient } from "./thread_messages.ts";

/** Returns a function that ends the service and closes the port. */
export function serveLog(log: LocalLog, port: MessagePort): () => void {
  const client = log.client();
  const subscriptions = new Map<number, Subscription>();
  const post = (message: LogToClient) => port.postMessage(message);

  const subscribe = async (shard: number, from: number, subscription: number): Promise<void> => {
    const deliver = (frames: readonly LogFrame[]) => post(framesMessage(subscription, frames));
    const failed = (thrown: unknown) => {
      subscriptions.delete(subscription);
      post({ type: "ended", subscription, ...toWireError(thrown), message: errorMessage(thrown) });
    };
    subscriptions.set(subscription, await client.subscribe(shard, from, deliver, failed));
  };

  const stopServing = serve(port, {
    append: (frames: readonly NewFrame[]) => client.append(frames),
    extent: (shard: number) => client.extent(shard),
    trim: (shard: number, below: number) => client.trim(shard, below),
    subscribe,
  });
  const end = () => {
    stopServing();
    port.off("message", onMessage);
    void client.close();
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
    post({ type: "bye" });
    port.close();
  };
}

function framesMessage(subscription: number, frames: readonly LogFrame[]): LogToClient {
  return {
    type: "frames",
    subscription,
    offset: frames[0]?.offset ?? 0,
    batch: seal({
      stampsMs: frames.map((frame) => frame.stampMs),
      texts: frames.map((frame) => frame.text),
    }),
  };
}
