/** Actors that fail too often: suspended, parked, resumed. Numbers in brackets are those of `suspension.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { parseControl } from "../../runtime/core/control.ts";
import { replayMarker } from "../../runtime/core/frame.ts";
import { maxListedSuspensions, type ShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

const Heard = z.object({ heard: z.array(z.string()) });

interface Order {
  readonly send?: string;
  readonly afterMs?: number;
  readonly body: Json;
}

/** Notes what it hears and of whom; texts that begin with "boom" throw, unless `mended` has them. */
function listener(mended: ReadonlySet<string> = new Set(), version = 1) {
  return defineActor<z.infer<typeof Heard>, Json>({
    kind: "k",
    state: jsonState({ schema: Heard, initial: () => ({ heard: [] }) }),
    message: {
      version,
      schema: z.json() as z.ZodType<Json>,
      accepts: (_value): _value is Json => true,
      migrate: (_version, value) => `${value}, migrated`,
    },
    receive(state, message, context) {
      if (typeof message === "object" && message !== null) {
        const { send, afterMs, body } = message as unknown as Order;
        if (send !== undefined) context.send({ kind: "k", id: send }, body);
        if (afterMs !== undefined) context.setTimer("t", context.nowMs + afterMs, body);
        return;
      }
      const text = String(message);
      if (text.startsWith("boom") && !mended.has(text)) throw new Error(text);
      state.heard.push(context.sender === null ? text : `${text} of ${context.sender.id}`);
    },
    queries: { state: { arguments: z.object({}), answer: (state) => state.heard } },
  });
}

class Rig extends ShardDriver {
  readonly mended: Set<string>;

  constructor(limits: Partial<ShardLimits> = {}, mended = new Set<string>()) {
    super(new Registry([listener(mended)]), limits);
    this.mended = mended;
    this.start();
  }

  /** One frame for each message. */
  tell(stampMs: number, id: string, ...messages: readonly Json[]): this {
    for (const message of messages) this.append(stampMs, ["k", id, message]);
    this.settle();
    return this;
  }

  control(stampMs: number, id: string, control: "resume" | "discard"): this {
    this.appendControl(stampMs, "k", id, control);
    this.settle();
    return this;
  }

  /** Throws until it is suspended. */
  suspend(stampMs: number, id = "a"): this {
    return this.tell(stampMs, id, ...new Array(6).fill("boom"));
  }

  heard(id: string): unknown {
    return this.ask("k", id);
  }

  get lastAnswer() {
    const answer = this.answers.get(this.answers.size);
    assert.ok(answer?.type === "answered");
    return answer;
  }

  /** Reason and message of each dead letter since the start, or since the last call. */
  letters(): string[] {
    this.checkpoint();
    const letters = this.checkpoints.slice(this.#told).flatMap(({ deadLetters }) => deadLetters);
    this.#told = this.checkpoints.length;
    return letters.map(({ reason, message }) => `${reason} ${message}`);
  }
  #told = 0;

  get listed(): readonly string[] {
    return [...this.shard.gauges().suspended.keys()];
  }
}

/** A shard that folds the same log from its beginning has the same rows and wrote the same letters. */
function assertReplays(rig: Rig, limits: Partial<ShardLimits> = {}): void {
  rig.checkpoint();
  const again = new Rig(limits, rig.mended);
  again.log.length = 0;
  again.log.push(...rig.log);
  again.takeOver();
  again.settle();
  again.checkpoint();
  assert.deepEqual(again.rows, rig.rows);
  assert.deepEqual(again.memory.suspended, rig.memory.suspended);
  const ids = (driver: ShardDriver) =>
    driver.checkpoints.flatMap(({ deadLetters }) => deadLetters.map(({ id, reason }) => `${id} ${reason}`));
  assert.deepEqual(new Set(ids(again)), new Set(ids(rig)));
}

Deno.test("[1] an actor is suspended by the throw that is one too many, and its letter says so", () => {
  const rig = new Rig();
  rig.tell(1000, "a", ...new Array(5).fill("boom"), "still here");
  assert.equal(rig.shard.counters.suspensions, 0);
  rig.tell(60_999, "a", "boom");
  assert.equal(rig.shard.counters.suspensions, 1);
  assert.deepEqual(rig.heard("a"), ["still here"]);
  assert.deepEqual(rig.lastAnswer.suspended, {
    sinceMs: 60_999,
    detail: "It threw 6 times within 60 s, the last time: boom",
    parked: 0,
  });
  rig.checkpoint();
  assert.deepEqual(rig.memory.suspended, { "k/a": { sinceMs: 60_999 } });
  const details = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters).map(({ detail }) => detail);
  assert.deepEqual(details.slice(4), [
    "boom",
    "boom. k/a is suspended from here on: its messages wait until it is resumed",
  ]);
  assertReplays(rig);
});

Deno.test("[1] an actor that throws no more often than it may goes on for ever", () => {
  const rig = new Rig();
  for (let throws = 0; throws < 30; throws++) rig.tell(1000 + throws * 12_001, "a", "boom");
  rig.tell(1_000_000, "a", "well");
  assert.deepEqual(rig.heard("a"), ["well"]);
  assert.equal(rig.shard.counters.suspensions, 0);
  assertReplays(rig);
});

Deno.test("[2] messages, local messages and timers of a suspended actor wait in order; others go on", () => {
  const rig = new Rig();
  rig.tell(1000, "a", { afterMs: 50, body: "the timer" }).suspend(1001);
  rig.tell(1002, "a", "one").tell(1003, "b", { send: "a", body: "two" }, "b goes on");
  rig.tell(1100, "b", "later");
  assert.deepEqual(rig.heard("a"), []);
  assert.equal(rig.lastAnswer.suspended?.parked, 3);
  assert.deepEqual(rig.heard("b"), ["b goes on", "later"]);
  assertReplays(rig);
  rig.control(1200, "a", "resume").tell(1201, "a", "three");
  assert.deepEqual(rig.heard("a"), ["one", "two of b", "the timer", "three"]);
  assert.equal(rig.lastAnswer.suspended, null);
  assert.deepEqual(rig.listed, []);
  assertReplays(rig);
});

Deno.test("a suspension survives eviction, takeover and restart", () => {
  const limits = { actorBytes: 1 };
  const rig = new Rig(limits);
  rig.tell(1000, "a", "boom", "boom", "boom");
  rig.checkpoint();
  rig.takeOver();
  rig.tell(1001, "a", "boom", "boom");
  rig.checkpoint();
  assert.ok(rig.shard.counters.evictions > 0);
  rig.tell(1002, "a", "boom", "one");
  for (const text of ["two", "three"]) {
    rig.checkpoint();
    rig.tell(1003, "b", "of another");
    rig.checkpoint();
    rig.takeOver();
    rig.settle();
    assert.deepEqual(rig.listed, ["k/a"]);
    rig.tell(1004, "a", text);
  }
  assertReplays(rig, limits);
  rig.checkpoint();
  rig.control(1100, "a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two", "three"]);
  assertReplays(rig, limits);
});

Deno.test("[2] what finds no room is dead-lettered as suspended, by count and by size", () => {
  const rig = new Rig({ maxParkedMessages: 3, maxParkedUnits: 30 });
  rig.suspend(1000).letters();
  rig.tell(1001, "a", "1", "2", "3", "4");
  assert.deepEqual(rig.letters(), ['suspended "4"']);
  rig.suspend(1000, "b").letters();
  rig.tell(1002, "b", "x".repeat(27), "yy", "z".repeat(60));
  assert.deepEqual(rig.letters(), ['suspended "yy"', `suspended "${"z".repeat(60)}"`]);
  rig.control(1003, "a", "resume").control(1003, "b", "resume");
  assert.deepEqual(rig.heard("a"), ["1", "2", "3"]);
  assert.deepEqual(rig.heard("b"), ["x".repeat(27)]);
});

Deno.test("a suspended actor's hot row stays small", () => {
  const rig = new Rig();
  rig.suspend(1000).tell(1001, "a", ...new Array(200).fill("x".repeat(1000)), "y".repeat(3000));
  rig.checkpoint();
  const { hot } = rig.rows.get("k/a")!;
  assert.ok(hot.length > 60_000 && hot.length < 70_000, `${hot.length} bytes`);
});

Deno.test("resume folds what waits, then what that sends; a message that throws again is skipped by its place", () => {
  const rig = new Rig();
  rig.suspend(1000).letters();
  rig.tell(
    1001,
    "a",
    "one",
    { send: "b", body: "for b" },
    "boom again",
    { send: "a", body: "for myself" },
    "two",
  );
  rig.control(1002, "a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two", "for myself of a"]);
  assert.deepEqual(rig.heard("b"), ["for b of a"]);
  assert.deepEqual(rig.letters(), ['threw "boom again"']);
  assertReplays(rig);
});

Deno.test("a mended actor folds what waited for it", () => {
  const rig = new Rig();
  rig.suspend(1000).tell(1001, "a", "boom again", "one");
  rig.checkpoint();
  rig.mended.add("boom again");
  rig.control(1002, "a", "resume");
  assert.deepEqual(rig.heard("a"), ["boom again", "one"]);
});

Deno.test("an actor that throws on as it is resumed is suspended again, and the rest waits again", () => {
  const rig = new Rig();
  rig.suspend(1000).tell(1001, "a", ...new Array(8).fill("boom again"), "one", "two").letters();
  rig.control(1002, "a", "resume");
  assert.deepEqual(rig.heard("a"), []);
  assert.deepEqual(rig.lastAnswer.suspended?.parked, 4);
  assert.equal(rig.lastAnswer.suspended?.sinceMs, 1002);
  assert.deepEqual(rig.letters(), new Array(6).fill('threw "boom again"'));
  rig.control(1003, "a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two"]);
  assertReplays(rig);
});

Deno.test("discard puts what waits among the dead letters, and the actor goes on", () => {
  const rig = new Rig();
  rig.suspend(1000).letters();
  rig.tell(1001, "a", "one", "two").control(1002, "a", "discard").tell(1003, "a", "three", "boom");
  assert.deepEqual(rig.heard("a"), ["three"]);
  assert.deepEqual(rig.letters(), ['discarded "one"', 'discarded "two"', 'threw "boom"']);
  const ids = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters).map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "each letter has an id of its own");
  assertReplays(rig);
});

Deno.test("a control for an actor that is not suspended changes nothing, and one that is unknown is invalid", () => {
  const rig = new Rig();
  rig.tell(1000, "a", "one").control(1001, "a", "resume").control(1001, "nobody", "discard");
  assert.equal(rig.heard("nobody"), "absent");
  assert.deepEqual(rig.heard("a"), ["one"]);
  rig.appendEntries(1002, [["k", 0], ["ghost", 0]], [
    0,
    "a",
    { control: "explode" },
    0,
    "a",
    7,
    1,
    "a",
    null,
  ]);
  assert.deepEqual(rig.letters(), [
    'invalid {"control":"explode"}',
    "invalid 7",
    "unknown-kind null",
  ]);
  const versions = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  assert.deepEqual(versions.map(({ messageVersion }) => messageVersion), [0, 0, 0]);
  for (const body of [null, 1, "resume", [], {}, { control: 1 }]) assert.equal(parseControl(body), null);
});

Deno.test("a dead letter that is replayed to a suspended actor stays one", () => {
  const rig = new Rig();
  rig.suspend(1000).letters();
  const { id } = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters)[0]!;
  rig.appendEntries(1001, rig.registry.wireTypes, [replayMarker, id, 1, 0, "a", "boom"]);
  assert.deepEqual(rig.letters(), ['suspended "boom"']);
  const letters = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters).filter((letter) =>
    letter.id === id
  );
  assert.deepEqual(letters.map(({ replays }) => replays), [0, 1]);
  assert.deepEqual(rig.checkpoints.flatMap(({ replayed }) => replayed), []);
});

Deno.test("what waits is migrated when it is of an older version", () => {
  const old = new Rig();
  old.suspend(1000).tell(1001, "a", "one");
  old.checkpoint();
  const now = new ShardDriver(new Registry([listener(new Set(), 2)]));
  for (const [key, row] of old.rows) now.rows.set(key, row);
  now.start();
  now.append(1002, ["k", "a", "two"]);
  now.appendControl(1003, "k", "a", "resume");
  assert.deepEqual(now.ask("k", "a"), ["one, migrated", "two"]);
});

Deno.test("a shard lists its suspended actors up to a bound, and suspends the others all the same", () => {
  const rig = new Rig({ failureIntensity: { failures: 0, withinMs: 1 } });
  const count = maxListedSuspensions + 2;
  for (let n = 0; n < count; n++) rig.append(1000, ["k", `n${n}`, "boom"]);
  rig.settle();
  assert.equal(rig.listed.length, maxListedSuspensions);
  rig.tell(1001, `n${count - 1}`, "one");
  assert.deepEqual(rig.heard(`n${count - 1}`), []);
  rig.control(1002, `n${count - 1}`, "resume").control(1002, "n0", "resume");
  assert.deepEqual(rig.heard(`n${count - 1}`), ["one"]);
  assert.equal(rig.listed.length, maxListedSuspensions - 1);
});

Deno.test("message versions begin with 1, so that none is a control's", () => {
  for (const version of [0, -1, 1.5]) {
    assert.throws(() => new Registry([listener(new Set(), version)]), /Message versions begin with 1/);
  }
});
