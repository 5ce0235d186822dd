/**
 * Requests under random crashes, repeated and late answers, throws, small bounds and evictions, against a plain loop
 * over the log.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../../runtime/core/actor.ts";
import { parseControl } from "../../runtime/core/control.ts";
import { decodeFrame, entryStride } from "../../runtime/core/frame.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import { answered, type Asked, noted, type Order, RequestsRig } from "./requests_rig.ts";

interface ModelRequest {
  readonly n: number;
  readonly id: string;
  readonly body: string;
  readonly dueMs: number;
}

/** What the log means, without checkpoints, loads and crashes. */
class Model {
  readonly actors = new Map<string, Asked>();
  readonly made: ModelRequest[] = [];
  readonly #open = new Map<number, ModelRequest>();
  readonly #maxOpen: number;
  #clockMs = 0;

  constructor(maxOpen: number, log: readonly LogFrame[]) {
    this.#maxOpen = maxOpen;
    for (const frame of log) this.#fold(frame);
  }

  get open(): number {
    return this.#open.size;
  }

  #actor(id: string): Asked {
    const actor = this.actors.get(id) ?? { made: [], heard: [] };
    this.actors.set(id, actor);
    return actor;
  }

  #fold({ stampMs, text }: LogFrame): void {
    this.#clockMs = Math.max(this.#clockMs, stampMs);
    const late = [...this.#open.values()].filter(({ dueMs }) => dueMs <= this.#clockMs);
    late.sort((a, b) => a.dueMs - b.dueMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.n - b.n));
    for (const { n, id } of late) {
      this.#open.delete(n);
      this.#actor(id).heard.push(`${n} timeout`);
    }
    const { types, entries } = decodeFrame(text);
    for (let at = 0; at < entries.length; at += entryStride) {
      const [type, id, body] = entries.slice(at, at + entryStride) as [number, string, Json];
      if (types[type]![1] === 0) this.#reply(id, body);
      else this.#receive(id, body as unknown as Order);
    }
  }

  #reply(id: string, body: Json): void {
    const told = parseControl(body);
    assert.ok(told?.type === "answer");
    const { request, outcome } = told.reply;
    if (this.#open.get(request)?.id !== id) return;
    this.#open.delete(request);
    this.#actor(id).heard.push(noted(request, outcome));
  }

  #receive(id: string, { ask, deadlineMs = 0, throws }: Order): void {
    // A turn that throws has not been.
    if (throws !== undefined) return;
    const actor = this.#actor(id);
    const refused: string[] = [];
    for (const body of ask) {
      const n = this.made.length + 1;
      const request = { n, id, body: JSON.stringify(body), dueMs: this.#clockMs + deadlineMs };
      this.made.push(request);
      actor.made.push(n);
      if (this.#open.size < this.#maxOpen) this.#open.set(n, request);
      else refused.push(`${n} overloaded`);
    }
    actor.heard.push(...refused);
  }
}

type Step =
  | { readonly type: "ask"; readonly id: string; readonly order: Order }
  /** To the request that left so many ago. */
  | { readonly type: "reply"; readonly back: number; readonly times: number }
  | { readonly type: "pass"; readonly durationMs: number }
  | { readonly type: "checkpoint" | "hold" | "release" | "takeover" | "lose commit" }
  /** In so many turns from now. */
  | { readonly type: "die"; readonly turns: number; readonly what: "thread" | "process" };

const order = fc.record({
  ask: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
  deadlineMs: fc.integer({ min: 1, max: 300 }),
}).chain((parts) => fc.constantFrom<Order>(parts, parts, parts, { ...parts, throws: "boom" }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("ask"), id: fc.constantFrom("a", "b", "c"), order }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("reply"),
      back: fc.nat(8),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("pass"), durationMs: fc.nat(150) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom("checkpoint", "hold", "release", "takeover", "lose commit"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("die"),
      turns: fc.nat(6),
      what: fc.constantFrom("thread", "process"),
    }),
  },
);

/** Fewer than bury a message. */
const mostDeaths = 4;

class Run {
  readonly rig: RequestsRig;
  #deaths = 0;
  #dieIn = Infinity;

  constructor(maxOpenRequests: number, actorBytes: number) {
    const failureIntensity = { failures: 255, withinMs: 1 };
    this.rig = new RequestsRig({ maxOpenRequests, actorBytes, failureIntensity });
  }

  take(step: Step): void {
    const { rig } = this;
    switch (step.type) {
      case "ask":
        rig.tell(rig.nowMs, step.id, step.order);
        break;
      case "reply": {
        const asked = rig.requested.at(-1 - step.back);
        for (let time = 0; asked !== undefined && time < step.times; time++) {
          rig.appendReply(rig.nowMs, asked.from, asked.n, answered(`reply ${time}`));
        }
        break;
      }
      case "pass":
        rig.wait(rig.nowMs + step.durationMs);
        break;
      case "checkpoint":
        rig.checkpoint();
        break;
      case "hold":
        rig.holdsCommits = true;
        break;
      case "release":
        rig.holdsCommits = false;
        rig.commitHeld();
        break;
      case "takeover":
        rig.takeOver();
        break;
      case "lose commit":
        rig.loseCommitAnswers();
        break;
      case "die":
        this.#dieIn = step.turns;
        rig.onTurn = () => {
          if (this.#dieIn-- > 0 || this.#deaths >= mostDeaths) return;
          this.#deaths++;
          this.#dieIn = Infinity;
          rig.die(step.what);
        };
    }
    rig.settle();
  }

  /** Nobody dies any more, and every deadline passes. */
  end(): void {
    this.#deaths = mostDeaths;
    this.take({ type: "release" });
    this.rig.wait(this.rig.nowMs + 1000);
    this.rig.checkpoint();
  }
}

Deno.test("every request has exactly one outcome, and numbers are dense, whatever dies or is repeated", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom(2, defaultShardLimits.maxOpenRequests),
      fc.constantFrom(1, defaultShardLimits.actorBytes),
      (steps, maxOpen, actorBytes) => {
        const run = new Run(maxOpen, actorBytes);
        for (const step of steps) run.take(step);
        run.end();
        const { rig } = run;
        const model = new Model(maxOpen, rig.log);
        for (const [id, expected] of model.actors) assert.deepEqual(rig.state(id), expected, id);
        assert.equal(model.open, 0, "the model's are closed");
        assert.equal(rig.memory.requests, model.made.length);
        assert.deepEqual([...rig.requestRows.keys()], []);
        for (const { n, from, body, dueMs } of rig.requested) {
          assert.deepEqual({ n, id: from.id, body, dueMs }, model.made[n - 1], "as it was made");
        }
        for (const id of ["a", "b", "c"]) {
          const { made, heard } = rig.state(id);
          assert.deepEqual(
            heard.map((text) => Number(text.split(" ")[0])).sort((a, b) => a - b),
            made,
            "one outcome each",
          );
        }
      },
    ),
    { numRuns: 1000 },
  );
});
