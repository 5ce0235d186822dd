import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import type { HostThreadStart } from "../../runtime/node/host_protocol.ts";
import type { HostWorker } from "../../runtime/node/host_worker.ts";
import { ThreadMaker } from "../../runtime/node/thread_maker.ts";
import { turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { within } from "../services/within.ts";
import { deadlineMs, definitionsUrl } from "./engine_harness.ts";

interface Thread {
  readonly worker: HostWorker;
  /** The first thing that it says, or why it ended. */
  first(): Promise<unknown>;
  /** All that it says. */
  readonly said: readonly unknown[];
  ended(): Promise<string>;
  /** Resolves when the other end of its port is closed, which its thread holds: then it is gone. */
  gone(): Promise<void>;
  close(): void;
}

function start(maker: ThreadMaker, actors = definitionsUrl): Thread {
  const { port1, port2 } = new MessageChannel();
  const data: HostThreadStart = {
    shardCount: 4,
    node: null,
    definitionsUrl: actors,
    limits: defaultShardLimits,
    topics: {},
    isTraced: false,
    isPublishing: false,
    main: port2,
    board: new SharedArrayBuffer(turnBoardBytes),
  };
  const worker = maker.make(data, 64);
  const ended = new Promise<string>((resolve) => worker.onEnd(resolve));
  const gone = new Promise<void>((resolve) => port1.once("close", () => resolve()));
  const said = new Promise<unknown>((resolve) => port1.once("message", resolve));
  const all: unknown[] = [];
  port1.on("message", (message) => all.push(message));
  return {
    worker,
    first: () => within("the thread's first word", Promise.race([said, ended]), deadlineMs),
    said: all,
    ended: () => within("the thread's end", ended, deadlineMs),
    gone: () => within("the thread to be gone", gone, deadlineMs),
    close: () => port1.close(),
  };
}

Deno.test("ThreadMaker's threads load the actors, have numbers of their own, and end when told to, one at a time", async () => {
  const maker = new ThreadMaker();
  const [one, other] = [start(maker), start(maker)];
  assert.deepEqual(await one.first(), { type: "warm" });
  assert.deepEqual(await other.first(), { type: "warm" });
  const numbers = [one.worker.threadId, other.worker.threadId];
  assert.ok(
    numbers.every((number) => number !== null && number > 0) && numbers[0] !== numbers[1],
    `${numbers}`,
  );
  await one.worker.terminate();
  assert.match(await one.ended(), /^its thread ended with code/);
  await one.worker.terminate();
  await maker.close();
  assert.match(await other.ended(), /^the thread that made it ended: it is not wanted any more$/);
  await other.worker.terminate();
  await Promise.all([one.gone(), other.gone()]);
  for (const { close } of [one, other]) close();
});

Deno.test("ThreadMaker tells of a thread that throws, and makes others behind it and behind its own end", async () => {
  const maker = new ThreadMaker();
  const broken = start(maker, "data:text/javascript,throw new Error('these actors fail')");
  assert.match(await broken.ended(), /these actors fail/);
  const next = start(maker);
  assert.deepEqual(await next.first(), { type: "warm" });
  await maker.close();
  await next.ended();
  await next.gone();
  const afterwards = start(maker);
  assert.deepEqual(await afterwards.first(), { type: "warm" });
  await maker.close();
  await Promise.all([broken.gone(), afterwards.gone()]);
  for (const { close } of [broken, next, afterwards]) close();
});

for (
  const [way, ends, reason] of [
    ["exits", "Deno.exit(9)", "its thread ended with code 9"],
    ["throws", "throw new Error('these actors fail')", "these actors fail"],
    ["rejects", "Promise.reject(new Error('these actors fail'))", "these actors fail"],
  ] as const
) {
  Deno.test(`a thread for shards that ${way} says so itself, once`, async () => {
    const maker = new ThreadMaker();
    const actors = `setTimeout(() => { ${ends} }); export const definitions = () => [];`;
    const thread = start(maker, `data:text/javascript,${encodeURIComponent(actors)}`);
    await thread.gone();
    assert.deepEqual(thread.said, [{ type: "warm" }, { type: "ends", reason, inTurn: null }]);
    assert.match(await thread.ended(), new RegExp(reason));
    thread.close();
    await maker.close();
  });
}
