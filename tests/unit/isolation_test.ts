/** Messages that kill their host, from the first death to the dead letter. Numbers in brackets: `attempts.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Context, Json } from "../../runtime/core/actor.ts";
import { type Attempts, buryFrom, type TurnPlace } from "../../runtime/core/attempts.ts";
import { partMarker, replayMarker, senderMarker } from "../../runtime/core/frame.ts";
import type { ShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

const Heard = z.object({ heard: z.array(z.string()) });

type Death = "thread" | "process" | null;

interface Order {
  readonly send?: readonly string[];
  readonly timers?: readonly string[];
  readonly body: Json;
}

/** A shard of actors that note what they hear; texts that begin with "kill" end the host while `kills` says how. */
class Rig extends ShardDriver {
  /** How the host dies of this text now; null: not at all. */
  kills: (text: string) => Death = () => "thread";
  /** Every turn of a text that kills, as it began: what the store's row said of it. */
  readonly begun: (Attempts | null)[] = [];

  constructor(limits: Partial<ShardLimits> = {}) {
    super(
      new Registry([defineActor<z.infer<typeof Heard>, Json>({
        kind: "k",
        state: jsonState({ schema: Heard, initial: () => ({ heard: [] }) }),
        message: {
          version: 2,
          schema: z.json() as z.ZodType<Json>,
          accepts: (_value): _value is Json => true,
          migrate: (_version, value) => this.#hear(value),
        },
        receive: (state, message, context) => this.#receive(state.heard, message, context),
        queries: { state: { arguments: z.object({}), answer: (state) => state.heard } },
      })]),
      limits,
    );
    this.start();
  }

  #receive(heard: string[], message: Json, context: Context): void {
    if (typeof message === "object" && message !== null) {
      const { send = [], timers = [], body } = message as unknown as Order;
      for (const id of send) context.send({ kind: "k", id }, body);
      for (const name of timers) context.setTimer(name, context.nowMs + 10, body);
      return;
    }
    heard.push(this.#hear(message));
  }

  #hear(message: Json): string {
    const text = String(message);
    if (!text.startsWith("kill")) return text;
    this.begun.push(this.memory.attempts);
    const death = this.kills(text);
    return death === null ? text : this.die(death);
  }

  get killed(): readonly string[] {
    this.checkpoint();
    return this.checkpoints.flatMap(({ deadLetters }) => deadLetters).map(({ reason, message }) =>
      `${reason} ${message}`
    );
  }
}

/** Kills so many hosts, then no more. */
function killing(deaths: readonly Death[]): (text: string) => Death {
  const left = [...deaths];
  return () => left.shift() ?? null;
}

const thread = (times: number): Death[] => new Array(times).fill("thread");
const counts = (rig: Rig) => rig.begun.map((attempts) => attempts?.attempts ?? 0);

Deno.test("a message that kills every host is dead-lettered after five deaths, and nothing else is", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "one"], ["k", "b", "two"]);
  rig.append(2, ["k", "a", "three"], ["k", "a", "kill"], ["k", "b", "four"], ["k", "a", "five"]);
  rig.append(3, ["k", "b", "six"]);
  assert.deepEqual(rig.ask("k", "a"), ["one", "three", "five"]);
  assert.deepEqual(rig.ask("k", "b"), ["two", "four", "six"]);
  assert.equal(rig.deaths, buryFrom);
  assert.deepEqual(counts(rig), [0, 1, 2, 3, 4]);
  assert.deepEqual(rig.killed, ['killed-host "kill"']);
  const [letter] = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  assert.match(letter!.detail, /hung or died in its turn, 5 times, the last time in epoch 5/);
  assert.equal(rig.memory.attempts, null);
});

Deno.test("it is the same for every place that a turn may have", async (t) => {
  const kill: Json = "kill";
  const places: Record<string, { prepare?: (rig: Rig) => void; entries: Json[]; place: Partial<TurnPlace> }> =
    {
      "first entry": { entries: [0, "a", kill, 0, "a", "ok"], place: { index: 0 } },
      "only entry": { entries: [0, "a", kill], place: { index: 0 } },
      "last entry": { entries: [0, "a", "ok", 0, "a", kill], place: { index: 1 } },
      "local turn": {
        entries: [0, "b", "ok", 0, "b", { send: ["c", "a", "c"], body: kill }, 0, "b", "ok"],
        place: { index: 1, step: 2 },
        prepare: (rig) => {
          const { kills } = rig;
          let turn = 0;
          // Of the three local turns the second one kills.
          rig.kills = (text) => (turn = turn % 2 + 1) === 2 ? kills(text) : null;
        },
      },
      "a message that is migrated": { entries: [0, "a", "ok", 1, "a", kill], place: { index: 1 } },
      "after markers": {
        entries: [
          ...[senderMarker, "s", "k", 0, "a", "ok"],
          ...[partMarker, "00112233445566aa", 2, replayMarker, "letter", 3, 0, "a", kill],
          ...[0, "a", "ok"],
        ],
        place: { index: 4 },
      },
      "first, after markers": {
        entries: [partMarker, "00112233445566aa", 2, replayMarker, "letter", 3, 0, "a", kill, 0, "a", "ok"],
        place: { index: 2 },
      },
      "second of two timers": {
        entries: [senderMarker, "s", "k", 0, "a", "ok", 0, "a", "ok"],
        place: { index: -1, timer: 2 },
        prepare: (rig) => {
          rig.append(1, ["k", "b", { timers: ["t"], body: "ok" }], ["k", "c", { timers: ["u"], body: kill }]);
        },
      },
      "a timer before an empty frame": {
        entries: [],
        place: { index: -1, timer: 1 },
        prepare: (rig) => rig.append(1, ["k", "c", { timers: ["u"], body: kill }]),
      },
      "local turn of a timer": {
        entries: [0, "a", "ok"],
        place: { index: -1, timer: 1, step: 1 },
        prepare: (rig) => {
          rig.append(1, ["k", "b", { timers: ["t"], body: { send: ["a"], body: kill } }]);
        },
      },
    };
  for (const [name, { prepare, entries, place }] of Object.entries(places)) {
    for (const limits of [{}, { actorBytes: 1 }]) {
      for (
        const mixed of [thread(5), [...thread(3), "process", "thread"], [...thread(3), "process", "process"]]
      ) {
        await t.step(`${name}, ${mixed.join(" ")}${limits.actorBytes ? ", evicted" : ""}`, () => {
          const rig = new Rig(limits);
          rig.kills = killing(mixed as Death[]);
          prepare?.(rig);
          rig.settle();
          rig.checkpoint();
          const offset = rig.log.length;
          rig.appendEntries(100, [["k", 2], ["k", 1]], entries);
          rig.append(101, ["k", "z", "after"]);
          assert.deepEqual(rig.ask("k", "z"), ["after"]);
          assert.equal(rig.deaths, 5);
          const found = rig.begun.find((attempts) => attempts !== null)?.place;
          assert.deepEqual(found, { offset, index: 0, timer: 0, step: 0, ...place });
          assert.deepEqual(rig.killed, ['killed-host "kill"']);
          assert.equal(rig.memory.attempts, null);
          assert.deepEqual(rig.refusals, []);
          const others = entries.filter((value) => value === "ok").length;
          const heard = [...rig.rows.values()].map(({ id }) => rig.ask("k", id) as string[]).flat();
          const timers = name === "second of two timers" ? 1 : 0;
          assert.equal(heard.filter((text) => text === "ok").length, others + timers, "each is folded once");
          const letters = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters);
          if (name.includes("after markers")) assert.deepEqual(letters.map(({ replays }) => replays), [3]);
        });
      }
    }
  }
});

Deno.test("[3] a message that stops killing is folded, and its deaths are forgotten", () => {
  for (const deaths of [1, 2, 3, 4]) {
    const rig = new Rig();
    rig.kills = killing(thread(deaths));
    rig.append(1, ["k", "a", "one"], ["k", "a", "kill"], ["k", "a", "two"]);
    assert.deepEqual(rig.ask("k", "a"), ["one", "kill", "two"]);
    rig.checkpoint();
    assert.equal(rig.memory.attempts, null);
    assert.deepEqual(rig.killed, []);
    rig.takeOver();
    rig.settle();
    assert.equal(rig.memory.attempts, null, "nothing is open any more");
  }
});

Deno.test("from two deaths on there is a checkpoint after every frame, before not", () => {
  for (const deaths of [1, 2]) {
    const rig = new Rig();
    rig.settle();
    rig.checkpoint();
    for (let n = 0; n < 5; n++) rig.append(1, ["k", "a", `${n}`]);
    rig.append(1, ["k", "a", "kill"]);
    rig.kills = killing(thread(deaths));
    rig.settle();
    const offsets = rig.checkpoints.slice(1).map(({ positions }) => positions["mailbox"]!.offset);
    assert.deepEqual(offsets.filter((offset) => offset < 6), deaths < 2 ? [] : [1, 2, 3, 4, 5]);
  }
});

Deno.test("from three deaths on the turn begins only when a commit says that it may be open", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "one"], ["k", "a", "kill"], ["k", "a", "two"]);
  rig.kills = killing(thread(3));
  rig.settle();
  assert.deepEqual(rig.begun.map((attempts) => attempts?.isOpen ?? false), [false, false, false, true]);

  const held = new Rig();
  held.append(1, ["k", "a", "one"], ["k", "a", "kill"], ["k", "a", "two"]);
  held.kills = (text) => {
    held.holdsCommits = held.deaths === 2;
    return killing(thread(3 - held.deaths))(text);
  };
  held.settle();
  assert.equal(held.deaths, 3);
  assert.equal(held.begun.length, 3, "it waits for the commit");
  held.holdsCommits = false;
  held.commitHeld();
  held.settle();
  assert.equal(held.begun.length, 4);
  assert.deepEqual(held.ask("k", "a"), ["one", "kill", "two"]);
});

Deno.test("[1] the death of a process counts from three deaths on, and not before", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "one"], ["k", "a", "kill"], ["k", "a", "two"]);
  rig.kills = killing([
    ...["process", "thread", "process", "process", "thread", "process", "thread"] as const,
    ...["process", "process"] as const,
  ]);
  assert.deepEqual(rig.ask("k", "a"), ["one", "two"]);
  assert.deepEqual(counts(rig), [0, 0, 1, 1, 1, 2, 2, 3, 4]);
  assert.deepEqual(rig.killed, ['killed-host "kill"']);
});

Deno.test("[1] a death outside any turn, and any other claim, counts nothing", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "kill"]);
  rig.kills = killing(thread(2));
  let claims = 0;
  const { kills } = rig;
  rig.kills = (text) => {
    const death = kills(text);
    if (death !== null) return death;
    // A takeover in the middle, which is not told of as a death.
    return ++claims < 3 ? "process" : null;
  };
  assert.deepEqual(rig.ask("k", "a"), ["kill"]);
  assert.deepEqual(counts(rig), [0, 1, 2, 2, 2]);
});

Deno.test("[4] another message that kills begins anew, and the ones between are folded as ever", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "one"], ["k", "a", "kill one"], ["k", "a", "two"]);
  rig.append(2, ["k", "b", "three"], ["k", "b", "kill two"], ["k", "b", "four"]);
  const deaths = { "kill one": 4, "kill two": 4 };
  rig.kills = (text) => deaths[text as keyof typeof deaths]-- > 0 ? "thread" : null;
  assert.deepEqual(rig.ask("k", "a"), ["one", "kill one", "two"]);
  assert.deepEqual(rig.ask("k", "b"), ["three", "kill two", "four"]);
  assert.deepEqual(counts(rig), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  assert.deepEqual(rig.killed, []);
});

Deno.test("[5] every message that kills is dead-lettered when no checkpoint comes between them", async (t) => {
  const prepared: Record<string, { append: (rig: Rig) => void; killers: number }> = {
    "local turns of one entry": {
      append: (rig) => rig.append(1, ["k", "c", { send: ["a", "b", "a"], body: "kill" }], ["k", "a", "one"]),
      killers: 3,
    },
    "timers before a frame": {
      append: (rig) => {
        rig.append(1, ["k", "a", { timers: ["t", "u"], body: "kill" }]);
        rig.append(100, ["k", "a", "one"]);
      },
      killers: 2,
    },
    "a timer and the first entry": {
      append: (rig) => {
        rig.append(1, ["k", "a", { timers: ["t"], body: "kill" }]);
        rig.append(100, ["k", "a", "kill"], ["k", "a", "one"]);
      },
      killers: 2,
    },
  };
  for (const [name, { append, killers }] of Object.entries(prepared)) {
    await t.step(name, () => {
      const rig = new Rig();
      // Else the test of a shard that never gets past them would not end.
      rig.kills = killing(thread(buryFrom * killers + 10));
      append(rig);
      assert.deepEqual(rig.ask("k", "a"), ["one"]);
      assert.equal(rig.deaths, buryFrom * killers);
      assert.deepEqual(rig.killed, new Array(killers).fill('killed-host "kill"'));
      assert.equal(rig.memory.attempts, null);
    });
  }
});

Deno.test("[4] a process that dies in another turn leaves the attempts alone", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "kill other"], ["k", "a", "one"], ["k", "a", "kill"]);
  let deaths = 0;
  rig.kills = (text) => {
    if (text === "kill") return deaths++ < 3 ? "thread" : null;
    // From three deaths of the first on, what comes before it takes the process with it, twice.
    return deaths === 3 && rig.deaths < 5 ? "process" : null;
  };
  assert.deepEqual(rig.ask("k", "a"), ["kill other", "one", "kill"]);
  assert.equal(rig.deaths, 5);
  assert.deepEqual(rig.killed, []);
  assert.equal(rig.begun.at(-1)?.attempts, 3);
});

Deno.test("a message for a suspended actor kills nobody", () => {
  const rig = new Rig();
  rig.append(1, ["k", "a", "kill"], ["k", "b", "one"]);
  rig.kills = killing(thread(5));
  assert.deepEqual(rig.ask("k", "b"), ["one"]);
  assert.deepEqual(rig.killed, ['killed-host "kill"']);
  rig.appendControl(2, "k", "a", "resume");
  assert.deepEqual(rig.ask("k", "a"), [], "its letter is no failure of the actor");
});
