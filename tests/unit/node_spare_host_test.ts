/** The thread in reserve. Numbers in brackets: `spare_host.ts`. */

import assert from "node:assert/strict";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { HostOrder, HostThreadStart } from "../../runtime/node/host_protocol.ts";
import {
  firstRehearsalPauseMs,
  firstSparePauseMs,
  lingeringPauseMs,
  sparePauseMs,
} from "../../runtime/node/limits.ts";
import { SpareHost } from "../../runtime/node/spare_host.ts";
import { within } from "../services/within.ts";
import { MadeUpThreads } from "./made_up_threads.ts";
import { ManualClock } from "./manual_clock.ts";

class Stage {
  readonly clock = new ManualClock();
  readonly threads = new MadeUpThreads();
  readonly stop = new AbortController();
  readonly spare = new SpareHost({
    threads: this.threads,
    clock: this.clock,
    connectLog: () => this.#port(),
    connectStore: () => ({ writes: this.#port(), reads: null }),
    practice: () => ({}),
  });

  readonly #others: MessagePort[] = [];

  #port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#others.push(port2);
    return port1;
  }

  close(): void {
    for (const port of this.#others) port.close();
  }

  /** Of the thread that is made after the pause. */
  async begin(pauseMs: number) {
    const starting = this.spare.child().start(this.stop.signal);
    await this.clock.advance(pauseMs);
    return { starting };
  }
}

/** What the thread is told next; what comes with it is closed. */
async function told({ main }: HostThreadStart): Promise<string> {
  const message = await within(
    "what the thread is told",
    new Promise<HostOrder>((resolve) => main.once("message", resolve)),
  );
  if ("log" in message) {
    message.log.close();
    message.store.writes.close();
  }
  return message.type;
}

Deno.test("SpareHost practises once it is warm, rests when a host may hang, and goes on at its next time [3]", async () => {
  const stage = new Stage();
  const { starting } = await stage.begin(firstSparePauseMs);
  const [start] = stage.threads.starts;
  start!.main.postMessage({ type: "warm" });
  assert.equal(await told(start!), "rehearse");
  const running = await starting;
  stage.spare.rest();
  assert.equal(await told(start!), "rest");
  await stage.clock.advance(firstRehearsalPauseMs);
  assert.equal(await told(start!), "rehearse");
  running.kill();
  stage.close();
  assert.equal(stage.threads.terminated, 1);
});

Deno.test("SpareHost practises soon after a thread that was ended is gone, and not before [3]", async () => {
  const stage = new Stage();
  const lingering = new MessageChannel();
  const { abandoned } = stage.threads.care;
  abandoned.started(lingering.port1);
  abandoned.add("host-0", lingering.port1);
  const { starting } = await stage.begin(firstSparePauseMs);
  const [start] = stage.threads.starts;
  let orders = 0;
  start!.main.on("message", () => orders++);
  start!.main.postMessage({ type: "warm" });
  const running = await starting;
  await stage.clock.advance(lingeringPauseMs);
  const gone = new Promise<void>((resolve) => lingering.port1.once("close", () => resolve()));
  lingering.port2.close();
  await within("the end of the thread", gone);
  assert.equal(orders, 0, "while it was there");
  const order = told(start!);
  await stage.clock.advance(lingeringPauseMs);
  assert.equal(await order, "rehearse");
  running.kill();
  stage.close();
});

Deno.test("SpareHost gives its thread away before it is warm, and has another after a pause [1]", async () => {
  const stage = new Stage();
  const { starting } = await stage.begin(firstSparePauseMs);
  const taken = stage.spare.take();
  assert.ok(taken !== null);
  assert.equal(stage.spare.take(), null);
  const { reason, counts } = await (await starting).ended;
  assert.deepEqual([reason, counts], ["normal", false]);
  const next = await stage.begin(sparePauseMs);
  assert.equal(stage.threads.starts.length, 2);
  const second = stage.spare.take();
  assert.ok(second !== null && second !== taken);
  await next.starting;
  for (const life of [taken, second]) life.die("it was stopped");
});
