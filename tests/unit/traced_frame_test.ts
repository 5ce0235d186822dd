/** A frame that traced requests wrote to, on its way through a shard, and the spans that come of it. */

import assert from "node:assert/strict";
import { z } from "zod";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { FrameSpans } from "../../runtime/node/frame_spans.ts";
import type { Tracing } from "../../runtime/node/tracing.ts";
import { ShardDriver } from "./shard_driver.ts";

const registry = new Registry([defineActor<{ sum: number }, number>({
  kind: "sum",
  state: jsonState({ schema: z.object({ sum: z.number() }), initial: () => ({ sum: 0 }) }),
  message: { version: 1, schema: z.number(), accepts: (value): value is number => typeof value === "number" },
  receive(state, message) {
    state.sum += message;
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
})]);

function frame(n: number, contexts?: readonly string[]): string {
  const origin = { type: "gateway", start: "test", n } as const;
  const entries = [0, "a", 1, 0, "b", 2];
  return encodeFrame({ origin, types: registry.wireTypes, entries, ...(contexts && { contexts }) });
}

Deno.test("Shard tells of the fold of a frame that traced requests wrote to, and of no other", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.appendText(1, frame(1));
  driver.appendText(1, frame(2, ["one", "two"]));
  driver.settle();
  assert.deepEqual(driver.ask("sum", "b"), { sum: 4 });
  const offset = driver.log.findIndex(({ text }) => text.includes("two"));
  assert.deepEqual(driver.folded, [
    { type: "folded", offset, contexts: ["one", "two"], messages: 2, beganMs: 0, endedMs: 0 },
  ]);
});

Deno.test("Shard tells of no fold when the traced frame is a repeat", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.appendText(1, frame(1, ["one"]));
  driver.appendText(1, frame(1, ["one"]));
  driver.settle();
  assert.deepEqual(driver.ask("sum", "b"), { sum: 2 });
  assert.equal(driver.folded.length, 1);
});

Deno.test("Shard tells of a fold again when another owner repeats it, and not once it is in a checkpoint", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.holdsCommits = true;
  driver.appendText(1, frame(1, ["one"]));
  driver.settle();
  driver.holdsCommits = false;
  driver.takeOver();
  driver.settle();
  assert.equal(driver.folded.length, 2);
  driver.checkpoint();
  driver.takeOver();
  driver.settle();
  assert.equal(driver.folded.length, 2);
});

class NotedTracing implements Tracing {
  readonly spans: string[] = [];
  begin() {
    return null;
  }
  add(
    parent: string,
    name: string,
    startMs: number,
    endMs: number,
    attributes: Record<string, unknown>,
  ): string {
    const replay = attributes["sensorium.replay"] === true ? " again" : "";
    this.spans.push(`${parent} > ${name} ${startMs}..${endMs}${replay}`);
    return `${parent}.${name}`;
  }
}

function checkpointOf(offset: number) {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.checkpoint();
  const [checkpoint] = driver.checkpoints;
  assert.ok(checkpoint);
  return { ...checkpoint, positions: { mailbox: { offset, index: 0 } }, memory: emptyMemory };
}

function fold(offset: number, ...contexts: string[]) {
  return { type: "folded", offset, contexts, messages: 1, beganMs: offset, endedMs: offset + 1 } as const;
}

Deno.test("FrameSpans gives each traced request the checkpoint that holds its frame, once", () => {
  const tracing = new NotedTracing();
  const spans = new FrameSpans(tracing, 0);
  spans.folded(fold(1, "a", "b"), false);
  spans.folded(fold(2, "c"), false);
  spans.committed(checkpointOf(1), 10, 20);
  spans.committed(checkpointOf(2), 30, 40);
  spans.committed(checkpointOf(3), 50, 60);
  assert.deepEqual(tracing.spans, [
    "a > fold 1..2",
    "b > fold 1..2",
    "c > fold 2..3",
    "a.fold > checkpoint 10..20",
    "b.fold > checkpoint 10..20",
    "c.fold > checkpoint 30..40",
  ]);
});

Deno.test("FrameSpans says of a fold that it is repeated, and gives it one checkpoint", () => {
  const tracing = new NotedTracing();
  const spans = new FrameSpans(tracing, 0);
  spans.folded(fold(1, "a"), false);
  spans.folded(fold(2, "b"), false);
  spans.folded(fold(3, "c"), false);
  // Under way when the shard claimed itself again, which then folds what comes after it.
  spans.committed(checkpointOf(1), 10, 20);
  spans.folded(fold(2, "b"), true);
  spans.folded(fold(3, "c"), true);
  spans.committed(checkpointOf(3), 30, 40);
  assert.deepEqual(tracing.spans, [
    "a > fold 1..2",
    "b > fold 2..3",
    "c > fold 3..4",
    "a.fold > checkpoint 10..20",
    "b > fold 2..3 again",
    "c > fold 3..4 again",
    "b.fold > checkpoint 30..40",
    "c.fold > checkpoint 30..40",
  ]);
});
