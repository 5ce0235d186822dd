/** Services that fail as the world does, under a clock that the test moves. Numbers in brackets: `services.ts`. */

import assert from "node:assert/strict";
import type { Json } from "../../runtime/core/actor.ts";
import { parseControl } from "../../runtime/core/control.ts";
import { decodeFrame, joinFrame } from "../../runtime/core/frame.ts";
import type { End } from "../../runtime/core/supervision_api.ts";
import type { Piece } from "../../runtime/node/batch.ts";
import { maxAnswerUnits, serviceGraceMs, serviceStartMs, serviceStopMs } from "../../runtime/node/limits.ts";
import {
  checkServices,
  type RunningService,
  type Service,
  ServiceDownError,
  serviceOf,
  type ServiceRequest,
} from "../../runtime/node/service.ts";
import { Repeats } from "../../runtime/node/repeats.ts";
import { Services } from "../../runtime/node/services.ts";
import { Supervisor } from "../../runtime/node/supervisor.ts";
import { ManualClock, settled } from "./manual_clock.ts";

interface Call {
  readonly request: ServiceRequest;
  readonly signal: AbortSignal;
  answer(value: Json): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** Its requests are answered by the test; it starts when `mayStart`, and ends as it is told. */
class FakeService implements Service {
  readonly calls: Call[] = [];
  mayStart = true;
  isStubborn = false;
  starts = 0;
  #end: ((end: End) => void) | null = null;

  constructor(readonly name: string, readonly concurrency = 1, readonly maxWaiting = 10) {}

  start(): Promise<RunningService> {
    this.starts++;
    if (!this.mayStart) return Promise.reject(new Error("nobody listens"));
    const { promise: ended, resolve } = Promise.withResolvers<End>();
    this.#end = resolve;
    const end = () => {
      if (!this.isStubborn) resolve({ reason: "normal", sentence: "It was stopped." });
    };
    return Promise.resolve({
      ended,
      stop: end,
      kill: end,
      handle: (request, signal) => this.#handle(request, signal),
    });
  }

  #handle(request: ServiceRequest, signal: AbortSignal): Promise<Json> {
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    this.calls.push({
      request,
      signal,
      answer: (value) => {
        resolve(value);
        return settled();
      },
      fail: (error) => {
        reject(error);
        return settled();
      },
    });
    return promise;
  }

  die(sentence: string): Promise<void> {
    this.#end?.({ reason: "failed", sentence });
    return settled();
  }

  get handled(): string[] {
    return this.calls.map(({ request }) => request.id);
  }
}

class Rig {
  readonly clock = new ManualClock();
  readonly services: Services;
  readonly supervisor: Supervisor;
  readonly replies: string[] = [];
  readonly ends: string[] = [];
  readonly reports: string[] = [];
  /** What an append fails with, while it does. */
  refusal: Error | null = null;
  /** Shards of other nodes. */
  readonly elsewhere = new Set<number>();
  /** Appends that were tried. */
  sends = 0;

  constructor(services: readonly Service[]) {
    const repeats = new Repeats(this.clock, ({ message }) => this.reports.push(message));
    this.services = new Services({
      services,
      shardCount: 4,
      isOwn: (shard) => !this.elsewhere.has(shard),
      clock: this.clock,
      logNowMs: () => 1_000_000 + this.clock.nowMs(),
      send: (piece) => this.#send(piece),
      onEnd: (service, end) => this.ends.push(`${service} ${end}`),
      report: (notice) => repeats.add(notice),
    });
    const parts = { clock: this.clock, random: () => 1, onNotice() {} };
    this.supervisor = new Supervisor(this.services.supervised(), parts);
  }

  #send(piece: Piece): Promise<void> {
    this.sends++;
    if (this.refusal !== null) return Promise.reject(this.refusal);
    const { types, entries: [type, id, body] } = decodeFrame(
      joinFrame({ type: "tick", epoch: 1 }, piece.types, [piece.text]),
    );
    assert.deepEqual(types, [["asker", 0]]);
    assert.equal(type, 0);
    const told = parseControl(body as Json);
    assert.ok(told?.type === "answer");
    const { request, outcome } = told.reply;
    const what = outcome.type === "answered"
      ? JSON.stringify(outcome.value)
      : `${outcome.code}: ${outcome.detail}`;
    this.replies.push(`${id} ${request} ${what}`);
    return Promise.resolve();
  }

  ask(
    n: number,
    parts: { readonly service?: string; readonly inMs?: number; readonly body?: Json } = {},
  ): this {
    const { service = "oracle", inMs = 30_000, body = n } = parts;
    this.services.request({
      shard: 2,
      n,
      from: { kind: "asker", id: "a" },
      service,
      body: JSON.stringify(body),
      dueMs: 1_000_000 + this.clock.nowMs() + inMs,
    });
    return this;
  }

  async end(): Promise<void> {
    this.services.close();
    const stopped = this.supervisor.stop();
    await settled();
    await this.clock.advance(serviceStopMs);
    await stopped;
    assert.equal(this.clock.timers, 0, "timers that are left behind");
  }
}

async function withRig(services: readonly FakeService[], test: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = new Rig(services);
  await rig.supervisor.start();
  await settled();
  try {
    await test(rig);
  } finally {
    await rig.end();
  }
}

Deno.test("requests are handled in order, so many at a time, and their answers go to the asker's shard", () => {
  const oracle = new FakeService("oracle", 2);
  return withRig([oracle], async (rig) => {
    rig.ask(1, { body: { q: 1 } }).ask(2).ask(3).ask(4);
    assert.deepEqual(oracle.handled, ["2.1", "2.2"]);
    const [first, second] = oracle.calls;
    assert.deepEqual(first!.request, {
      id: "2.1",
      from: { kind: "asker", id: "a" },
      body: { q: 1 },
      dueMs: 1_030_000,
    });
    await second!.answer({ a: 2 });
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.3"]);
    assert.deepEqual(
      [...rig.services.lanes].map(([name, { isUp, waiting, inFlight }]) => [name, isUp, waiting, inFlight]),
      [
        ["oracle", true, 1, 2],
      ],
    );
    await first!.answer(null);
    assert.deepEqual(rig.replies, ['a 2 {"a":2}', "a 1 null"]);
    assert.deepEqual(rig.ends, ["oracle answered", "oracle answered"]);
    assert.deepEqual(rig.supervisor.tree().children.map(({ id, state }) => [id, state]), [[
      "oracle",
      "running",
    ]]);
  });
});

Deno.test("[3] a request whose shard left is not begun, what is under way is answered, and it is taken again when the shard is back", () => {
  const oracle = new FakeService("oracle", 1, 2);
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2).ask(3);
    rig.elsewhere.add(2);
    await oracle.calls[0]!.answer("one");
    assert.deepEqual([oracle.handled, rig.replies], [["2.1"], ['a 1 "one"']]);
    assert.deepEqual(rig.services.lanes.get("oracle")?.waiting, 0);
    rig.elsewhere.delete(2);
    rig.ask(1).ask(2);
    assert.deepEqual(oracle.handled, ["2.1", "2.2"], "the first has its outcome in the log");
    rig.ask(4).ask(5);
    rig.elsewhere.add(2);
    rig.ask(6);
    rig.elsewhere.delete(2);
    await oracle.calls[1]!.answer("two");
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.6"], "those that were elsewhere made room");
    assert.deepEqual(rig.ends, ["oracle answered", "oracle answered"]);
  });
});

Deno.test("a handler that throws fails its request in its own words, and the service goes on", () => {
  const oracle = new FakeService("oracle");
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2).ask(3).ask(4);
    await oracle.calls[0]!.fail(new Error("no such recipient"));
    await oracle.calls[1]!.fail(new Error("x".repeat(600)));
    await oracle.calls[2]!.answer("y".repeat(maxAnswerUnits));
    await oracle.calls[3]!.answer(undefined as unknown as Json);
    assert.deepEqual(rig.replies, [
      "a 1 failed: no such recipient",
      `a 2 failed: ${"x".repeat(500)}`,
      "a 3 failed: Its answer has 262146 units of JSON text; 262144 may come back",
      "a 4 failed: It answered undefined, which is not JSON",
    ]);
    assert.equal(oracle.starts, 1);
  });
});

Deno.test("a request to a service that there is not fails at once, and names those that there are", () =>
  withRig([new FakeService("oracle"), new FakeService("mailer")], async (rig) => {
    rig.ask(1, { service: "nobody" });
    await settled();
    assert.deepEqual(rig.replies, [
      'a 1 unknown-service: There is no service "nobody" in this node; there is: oracle, mailer',
    ]);
    assert.deepEqual(rig.ends, ["null unknown-service"]);
  }));

Deno.test("while a service is down its requests wait in order, up to the bound, and the others fail", () => {
  const oracle = new FakeService("oracle", 1, 2);
  oracle.mayStart = false;
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2).ask(3).ask(4).ask(5);
    await settled();
    assert.deepEqual(rig.replies, [
      "a 4 overloaded: As many requests to oracle wait as may; it is down",
      "a 5 overloaded: As many requests to oracle wait as may; it is down",
    ]);
    assert.deepEqual(rig.reports, [
      "The service oracle is down: nobody listens. It is started again; its requests wait meanwhile.",
    ]);
    await rig.clock.advance(20_000);
    assert.ok(oracle.starts > 5, "started again and again, whatever the intensity");
    assert.equal(rig.reports.length, 1, "told once");
    oracle.mayStart = true;
    await rig.clock.advance(9_000);
    assert.deepEqual(oracle.handled, ["2.1"]);
    for (const at of [0, 1, 2]) await oracle.calls[at]!.answer("well");
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.3"]);
    assert.equal(rig.supervisor.tree().children[0]!.state, "running");
  });
});

Deno.test("requests whose deadline is over make room for others, and are not handled", () => {
  const oracle = new FakeService("oracle", 1, 1);
  oracle.mayStart = false;
  return withRig([oracle], async (rig) => {
    rig.ask(1, { inMs: 50 }).ask(2, { inMs: 5000 });
    await rig.clock.advance(60);
    rig.ask(3, { inMs: 60_000 });
    await rig.clock.advance(6000);
    oracle.mayStart = true;
    await rig.clock.advance(10_000);
    assert.deepEqual(oracle.handled, ["2.3"]);
    assert.deepEqual(rig.ends, ["oracle late", "oracle late"]);
    assert.deepEqual(rig.replies, [], "their shard has told the actor");
  });
});

Deno.test("what a service had in hand when it died is done first by the next, and told once", () => {
  const oracle = new FakeService("oracle", 2);
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2).ask(3);
    const before = [...oracle.calls];
    await oracle.die("it lost its connection");
    assert.deepEqual(before.map(({ signal }) => signal.aborted), [true, true]);
    assert.deepEqual(rig.reports, [
      "The service oracle is down: it lost its connection. It is started again; its requests wait meanwhile.",
    ]);
    await before[0]!.answer("from beyond");
    await before[1]!.fail(new Error("from beyond"));
    await rig.clock.advance(100);
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.1", "2.2"]);
    await rig.clock.advance(6000);
    for (const call of oracle.calls.slice(2)) await call.answer("well");
    await oracle.calls[4]!.answer("too");
    assert.deepEqual(rig.replies, ['a 1 "well"', 'a 2 "well"', 'a 3 "too"']);
    assert.equal(rig.reports[1], "The service oracle answers again.");
  });
});

Deno.test("a handler that says that its service is down takes it down, and no request fails by it", () => {
  const oracle = new FakeService("oracle", 2);
  oracle.isStubborn = true;
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2);
    await oracle.calls[1]!.fail(new ServiceDownError("the server said goodbye"));
    assert.equal(oracle.calls[0]!.signal.aborted, true);
    await rig.clock.advance(100);
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.1", "2.2"]);
    assert.match(rig.reports[0]!, /oracle is down: the server said goodbye\./);
    assert.deepEqual(rig.replies, []);
  });
});

Deno.test("a request is aborted at its deadline; a service that goes on with it is started again", () => {
  const oracle = new FakeService("oracle");
  return withRig([oracle], async (rig) => {
    rig.ask(1, { inMs: 100 }).ask(2, { inMs: 100 }).ask(3);
    await rig.clock.advance(100);
    assert.equal(oracle.calls[0]!.signal.aborted, true);
    await oracle.calls[0]!.fail(new Error("aborted"));
    assert.deepEqual(oracle.handled, ["2.1", "2.3"], "2.2 was late as well");
    assert.deepEqual(rig.ends, ["oracle late", "oracle late"]);
    await rig.clock.advance(30_000 - 100);
    assert.equal(oracle.starts, 1);
    await rig.clock.advance(serviceGraceMs + 100);
    assert.equal(oracle.starts, 2);
    assert.match(rig.reports[0]!, /It went on with a request for 5 s after its deadline\./);
  });
});

Deno.test("a service that is not up in time is started again", () => {
  class Slow extends FakeService {
    override start(): Promise<RunningService> {
      return this.starts++ === 0 ? new Promise(() => {}) : super.start();
    }
  }
  const oracle = new Slow("oracle");
  return withRig([oracle], async (rig) => {
    rig.ask(1, { inMs: 60_000 });
    await rig.clock.advance(serviceStartMs + 100);
    assert.match(rig.reports[0]!, /It was not up within 30 s\./);
    assert.deepEqual(oracle.handled, ["2.1"]);
  });
});

Deno.test("[1] a request that its shard makes again is not begun again, nor once its outcome is in the log", () => {
  const oracle = new FakeService("oracle", 1);
  return withRig([oracle], async (rig) => {
    rig.ask(1).ask(2).ask(1).ask(2);
    assert.equal(rig.services.lanes.get("oracle")!.waiting, 1);
    rig.refusal = new Error("the disk is full");
    await oracle.calls[0]!.answer("one");
    rig.ask(1);
    rig.refusal = null;
    await rig.clock.advance(1000);
    rig.ask(1);
    await oracle.calls[1]!.answer("two");
    rig.ask(2).ask(3);
    assert.deepEqual(oracle.handled, ["2.1", "2.2", "2.3"]);
    assert.deepEqual(rig.replies, ['a 1 "one"', 'a 2 "two"']);
  });
});

Deno.test("[2] an outcome is appended again until the log takes it, or the deadline is over", () => {
  const oracle = new FakeService("oracle", 2);
  return withRig([oracle], async (rig) => {
    rig.refusal = new Error("the disk is full");
    rig.ask(1, { inMs: 2000 }).ask(2, { inMs: 60_000 });
    for (const call of oracle.calls) await call.answer("well");
    await rig.clock.advance(20_000);
    const { sends } = rig;
    assert.ok(sends > 10, `${sends} appends`);
    rig.refusal = null;
    await rig.clock.advance(3000);
    assert.deepEqual(rig.replies, ['a 2 "well"']);
    rig.ask(1, { inMs: 1 });
    assert.equal(oracle.calls.length, 3, "it is asked again, as its shard wishes");
  });
});

Deno.test("[4] close() begins and answers nothing more, and no timer is left behind", () => {
  const oracle = new FakeService("oracle", 1);
  const stubborn = new FakeService("stubborn", 1);
  stubborn.isStubborn = true;
  return withRig([oracle, stubborn], async (rig) => {
    rig.ask(1).ask(2).ask(3, { service: "stubborn" });
    rig.services.close();
    assert.equal(oracle.calls[0]!.signal.aborted, true);
    await oracle.calls[0]!.answer("late");
    rig.ask(4).ask(5, { service: "nobody" });
    await settled();
    assert.deepEqual(oracle.handled, ["2.1"]);
    assert.deepEqual(rig.replies, []);
  });
});

Deno.test("serviceOf() makes a service of a function, which is called again after it said that it is down", async () => {
  const asked: Json[] = [];
  const handle = ({ body }: ServiceRequest) => {
    asked.push(body);
    return asked.length === 1 ? Promise.reject(new ServiceDownError("not yet")) : Promise.resolve([body]);
  };
  const rig = new Rig([serviceOf({ name: "oracle", concurrency: 1, maxWaiting: 1 }, handle)]);
  await rig.supervisor.start();
  await settled();
  rig.ask(1);
  await settled();
  await rig.clock.advance(100);
  assert.deepEqual(asked, [1, 1]);
  assert.deepEqual(rig.replies, ["a 1 [1]"]);
  await rig.end();
});

Deno.test("checkServices() says what is wrong with services", () => {
  const oracle = new FakeService("oracle");
  checkServices([oracle, new FakeService("mailer")]);
  assert.throws(() => checkServices([oracle, oracle]), /There are two services "oracle"/);
  assert.throws(() => checkServices([new FakeService("My Mailer")]), /unlike "My Mailer"/);
  assert.throws(() => checkServices([new FakeService("x", 0)]), /a concurrency of 0; 1 is the least/);
  assert.throws(() => checkServices([new FakeService("x", 1, -1)]), /lets -1 requests wait; 0 is the least/);
});
