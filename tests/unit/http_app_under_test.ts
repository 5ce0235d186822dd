/** An app over a fake engine, for one test. */

import assert from "node:assert/strict";
import { type App, type AppOptions, createApp } from "../../actors/http/app.ts";
import { RemoteWriteReceiver } from "../../actors/sources/remote_write/receiver.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { FakeEngine } from "./http_fake_engine.ts";

export interface Bench {
  readonly engine: FakeEngine;
  readonly app: App;
  /** What the app wrote to its log. */
  readonly logged: string[];
  /** A request; `path` begins with "/". */
  ask(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body: BodyInit, headers?: Record<string, string>): Promise<Response>;
}

export async function withApp(
  options: Partial<AppOptions>,
  test: (bench: Bench) => Promise<void>,
): Promise<void> {
  const engine = new FakeEngine();
  const logged: string[] = [];
  const app = createApp({
    engine,
    published: null,
    token: null,
    registry: new Registry(),
    version: "0.0.0",
    log: (sentence) => void logged.push(sentence),
    ...options,
  });
  const ask = async (path: string, init?: RequestInit) =>
    await app.fetch(new Request(`http://localhost${path}`, init));
  try {
    await test({
      engine,
      app,
      logged,
      ask,
      post: (path, body, headers = { "content-type": "application/json" }) =>
        ask(path, { method: "POST", body, headers }),
    });
  } finally {
    app.close();
  }
}

/** Takes what Prometheus writes, of at most 10 series; to refuse one fails the test. */
export function receiverInto(engine: FakeEngine): RemoteWriteReceiver {
  const receiver = unknowingReceiver(engine);
  receiver.follow(null);
  return receiver;
}

/** One that is yet to learn what it is to take. */
export function unknowingReceiver(engine: FakeEngine): RemoteWriteReceiver {
  return new RemoteWriteReceiver({
    engine,
    maxSeries: 10,
    registry: new Registry(),
    warn: assert.fail,
  });
}
