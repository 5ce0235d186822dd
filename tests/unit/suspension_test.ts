/** Actors that fail too often: suspended, parked, resumed. Numbers in brackets are those of `suspension.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { type Control, parseControl } from "../../runtime/core/control.ts";
import { replayMarker } from "../../runtime/core/frame.ts";
import { maxListedSuspensions, type ShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { TestNode } from "../../runtime/testkit.ts";
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

const address = (id: string) => ({ kind: "k", id });

/** A node of one shard whose clock begins at 1000. */
class Rig {
  readonly mended = new Set<string>();
  readonly node: TestNode;
  #told = 0;

  constructor(limits: Partial<ShardLimits> = {}) {
    this.node = new TestNode({ definitions: [listener(this.mended)], shards: 1, startMs: 1000, limits });
  }

  at(timeMs: number): this {
    this.node.advance(timeMs - this.node.nowMs);
    return this;
  }

  /** One frame for each message. */
  tell(id: string, ...messages: readonly Json[]): this {
    for (const message of messages) this.node.send(address(id), message);
    this.node.run();
    return this;
  }

  control(id: string, control: Control): this {
    this.node.resume(address(id), control);
    this.node.run();
    return this;
  }

  /** Throws until it is suspended. */
  suspend(id = "a"): this {
    return this.tell(id, ...new Array(6).fill("boom"));
  }

  heard(id: string): unknown {
    return this.node.ask(address(id), "state");
  }

  /** Reason and message of each dead letter since the start, or since the last call. */
  letters(): string[] {
    const letters = this.node.deadLetters().slice(this.#told);
    this.#told += letters.length;
    return letters.map(({ reason, message }) => `${reason} ${message}`);
  }

  get listed(): readonly string[] {
    return this.node.suspended().map(({ kind, id }) => `${kind}/${id}`);
  }
}

/** The same on one shard, for what only its log and its rows show. */
function suspendedShard(): ShardDriver {
  const driver = new ShardDriver(new Registry([listener()]));
  driver.start();
  for (let left = 6; left > 0; left--) driver.append(1000, ["k", "a", "boom"]);
  driver.checkpoint();
  return driver;
}

const lettersOf = (driver: ShardDriver) => driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);

Deno.test("[1] an actor is suspended by the throw that is one too many, and its letter says so", () => {
  const rig = new Rig();
  rig.tell("a", ...new Array(5).fill("boom"), "still here");
  assert.deepEqual(rig.listed, []);
  rig.at(60_999).tell("a", "boom");
  assert.deepEqual(rig.node.suspended(), [{ ...address("a"), sinceMs: 60_999 }]);
  assert.deepEqual(rig.heard("a"), ["still here"]);
  assert.deepEqual(rig.node.deadLetters().map(({ detail }) => detail).slice(4), [
    "boom",
    "boom. k/a is suspended from here on: its messages wait until it is resumed",
  ]);
  rig.node.expectReplays();
});

Deno.test("an answer of a suspended actor says since when, why, and how much waits", () => {
  const driver = suspendedShard();
  driver.append(1001, ["k", "a", "one"], ["k", "a", "two"]);
  driver.ask("k", "a");
  const answer = driver.answers.get(1);
  const detail = "It threw 6 times within 60 s, the last time: boom";
  assert.deepEqual(answer?.type === "answered" && answer.suspended, { sinceMs: 1000, detail, parked: 2 });
  assert.deepEqual(driver.memory.suspended, { "k/a": { sinceMs: 1000 } });
});

Deno.test("[1] an actor that throws no more often than it may goes on for ever", () => {
  const rig = new Rig();
  for (let throws = 0; throws < 30; throws++) rig.at(1000 + throws * 12_001).tell("a", "boom");
  rig.tell("a", "well");
  assert.deepEqual(rig.heard("a"), ["well"]);
  assert.deepEqual(rig.listed, []);
  rig.node.expectReplays();
});

Deno.test("[2] messages, local messages and timers of a suspended actor wait in order; others go on", () => {
  const rig = new Rig();
  rig.tell("a", { afterMs: 50, body: "the timer" }).suspend();
  rig.at(1002).tell("a", "one").tell("b", { send: "a", body: "two" }, "b goes on");
  rig.at(1100).tell("b", "later");
  assert.deepEqual(rig.heard("a"), []);
  assert.deepEqual(rig.heard("b"), ["b goes on", "later"]);
  rig.node.expectReplays();
  rig.control("a", "resume").tell("a", "three");
  assert.deepEqual(rig.heard("a"), ["one", "two of b", "the timer", "three"]);
  assert.deepEqual(rig.listed, []);
  rig.node.expectReplays();
});

Deno.test("a suspension survives eviction, takeover and restart", () => {
  const rig = new Rig({ actorBytes: 1 });
  rig.tell("a", "boom", "boom", "boom").at(3000);
  rig.node.killHost();
  rig.tell("a", "boom", "boom").at(5000).tell("a", "boom", "one");
  for (const text of ["two", "three"]) {
    rig.at(rig.node.nowMs + 2000).tell("b", "of another").at(rig.node.nowMs + 2000);
    rig.node.loseNode();
    assert.deepEqual(rig.listed, ["k/a"]);
    rig.tell("a", text);
  }
  rig.node.expectReplays();
  rig.control("a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two", "three"]);
  rig.node.expectReplays();
});

Deno.test("[2] what finds no room is dead-lettered as suspended, by count and by size", () => {
  const rig = new Rig({ maxParkedMessages: 3, maxParkedUnits: 30 });
  rig.suspend().letters();
  rig.tell("a", "1", "2", "3", "4");
  assert.deepEqual(rig.letters(), ['suspended "4"']);
  rig.suspend("b").letters();
  rig.tell("b", "x".repeat(27), "yy", "z".repeat(60));
  assert.deepEqual(rig.letters(), ['suspended "yy"', `suspended "${"z".repeat(60)}"`]);
  rig.control("a", "resume").control("b", "resume");
  assert.deepEqual(rig.heard("a"), ["1", "2", "3"]);
  assert.deepEqual(rig.heard("b"), ["x".repeat(27)]);
  rig.node.expectReplays();
});

Deno.test("a suspended actor's hot row stays small", () => {
  const driver = suspendedShard();
  for (const text of [...new Array(200).fill("x".repeat(1000)), "y".repeat(3000)]) {
    driver.append(1001, ["k", "a", text]);
  }
  driver.checkpoint();
  const { hot } = driver.rows.get("k/a")!;
  assert.ok(hot.length > 60_000 && hot.length < 70_000, `${hot.length} bytes`);
});

Deno.test("resume folds what waits, then what that sends; a message that throws again is skipped by its place", () => {
  const rig = new Rig();
  rig.suspend().letters();
  rig.tell(
    "a",
    "one",
    { send: "b", body: "for b" },
    "boom again",
    { send: "a", body: "for myself" },
    "two",
  );
  rig.control("a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two", "for myself of a"]);
  assert.deepEqual(rig.heard("b"), ["for b of a"]);
  assert.deepEqual(rig.letters(), ['threw "boom again"']);
  rig.node.expectReplays();
});

Deno.test("a mended actor folds what waited for it", () => {
  const rig = new Rig();
  rig.suspend().tell("a", "boom again", "one");
  rig.mended.add("boom again");
  rig.node.loseNode();
  rig.control("a", "resume");
  assert.deepEqual(rig.heard("a"), ["boom again", "one"]);
});

Deno.test("an actor that throws on as it is resumed is suspended again, and the rest waits again", () => {
  const rig = new Rig();
  rig.suspend().tell("a", ...new Array(8).fill("boom again"), "one", "two").letters();
  rig.at(1002).control("a", "resume");
  assert.deepEqual(rig.heard("a"), []);
  assert.deepEqual(rig.node.suspended(), [{ ...address("a"), sinceMs: 1002 }]);
  assert.deepEqual(rig.letters(), new Array(6).fill('threw "boom again"'));
  rig.control("a", "resume");
  assert.deepEqual(rig.heard("a"), ["one", "two"]);
  assert.deepEqual(rig.letters(), new Array(2).fill('threw "boom again"'));
  rig.node.expectReplays();
});

Deno.test("discard puts what waits among the dead letters, and the actor goes on", () => {
  const rig = new Rig();
  rig.suspend().letters();
  rig.tell("a", "one", "two").control("a", "discard").tell("a", "three", "boom");
  assert.deepEqual(rig.heard("a"), ["three"]);
  assert.deepEqual(rig.letters(), ['discarded "one"', 'discarded "two"', 'threw "boom"']);
  const ids = rig.node.deadLetters().map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "each letter has an id of its own");
  rig.node.expectReplays();
});

Deno.test("a control for an actor that is not suspended changes nothing, and one that is unknown is invalid", () => {
  const rig = new Rig();
  rig.tell("a", "one").control("a", "resume").control("nobody", "discard");
  assert.throws(() => rig.heard("nobody"), /it has never had a message/);
  assert.deepEqual(rig.heard("a"), ["one"]);
  const driver = suspendedShard();
  const entries = [0, "a", { control: "explode" }, 0, "a", 7, 1, "a", null];
  driver.appendEntries(1002, [["k", 0], ["ghost", 0]], entries);
  driver.checkpoint();
  const found = lettersOf(driver).slice(6).map(({ reason, message, messageVersion }) =>
    `${reason} ${message}, version ${messageVersion}`
  );
  assert.deepEqual(found, [
    'invalid {"control":"explode"}, version 0',
    "invalid 7, version 0",
    "unknown-kind null, version 0",
  ]);
  for (const body of [null, 1, "resume", [], {}, { control: 1 }]) assert.equal(parseControl(body), null);
});

Deno.test("a dead letter that is replayed to a suspended actor stays one", () => {
  const driver = suspendedShard();
  const { id } = lettersOf(driver)[0]!;
  driver.appendEntries(1001, driver.registry.wireTypes, [replayMarker, id, 1, 0, "a", "boom"]);
  driver.checkpoint();
  const letters = lettersOf(driver).filter((letter) => letter.id === id);
  assert.deepEqual(letters.map(({ reason, replays }) => [reason, replays]), [["threw", 0], ["suspended", 1]]);
  assert.deepEqual(driver.checkpoints.flatMap(({ replayed }) => replayed), []);
});

Deno.test("what waits is migrated when it is of an older version", () => {
  const rig = new Rig();
  rig.suspend().tell("a", "one");
  rig.node.loseNode([listener(new Set(), 2)]);
  rig.tell("a", "two").control("a", "resume");
  assert.deepEqual(rig.heard("a"), ["one, migrated", "two"]);
});

Deno.test("a shard lists its suspended actors up to a bound, and suspends the others all the same", () => {
  const rig = new Rig({ failureIntensity: { failures: 0, withinMs: 1 } });
  const count = maxListedSuspensions + 2;
  for (let n = 0; n < count; n++) rig.node.send(address(`n${n}`), "boom");
  assert.equal(rig.listed.length, maxListedSuspensions);
  const last = `n${count - 1}`;
  rig.tell(last, "one");
  assert.deepEqual(rig.heard(last), []);
  rig.control(last, "resume").control("n0", "resume");
  assert.deepEqual(rig.heard(last), ["one"]);
  assert.equal(rig.listed.length, maxListedSuspensions - 1);
});

Deno.test("message versions begin with 1, so that none is a control's", () => {
  for (const version of [0, -1, 1.5]) {
    assert.throws(() => new Registry([listener(new Set(), version)]), /Message versions begin with 1/);
  }
});
