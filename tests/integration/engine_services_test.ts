/** Actors that ask services, on real threads and files: every request has one outcome, whatever dies. */

import assert from "node:assert/strict";
import type { Json } from "../../runtime/core/actor.ts";
import type { End } from "../../runtime/core/supervision_api.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import type { RunningService, Service, ServiceRequest } from "../../runtime/node/service.ts";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { deadlineMs, Happening, startCounters } from "./engine_harness.ts";
import type { Asker } from "./engine_service_actors.ts";

const definitionsUrl = new URL("./engine_service_actors.ts", import.meta.url).href;

type Handle = (request: ServiceRequest, signal: AbortSignal) => Promise<Json>;

/** A service named "oracle". */
class Oracle implements Service {
  readonly name = "oracle";
  readonly asked: ServiceRequest[] = [];
  mayStart = true;
  starts = 0;
  readonly #handle: Handle;
  #end: ((end: End) => void) | null = null;

  constructor(handle: Handle, readonly concurrency = 4, readonly maxWaiting = 1000) {
    this.#handle = handle;
  }

  start(): Promise<RunningService> {
    this.starts++;
    if (!this.mayStart) return Promise.reject(new Error("the test says so"));
    const { promise: ended, resolve } = Promise.withResolvers<End>();
    this.#end = resolve;
    const end = () => resolve({ reason: "normal", sentence: "It was stopped." });
    const handle: Handle = (request, signal) => {
      this.asked.push(request);
      return this.#handle(request, signal);
    };
    return Promise.resolve({ ended, stop: end, kill: end, handle });
  }

  crash(): void {
    this.#end?.({ reason: "failed", sentence: "the test crashes it" });
  }
}

/** Never answers; lets go when it is told to. */
const silent: Handle = (_request, signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));

const double: Handle = ({ body }) => Promise.resolve(Number(body) * 2);

function start(dataDir: string, oracle: Service): Promise<EmbeddedEngine> {
  return startCounters(dataDir, { definitionsUrl, services: [oracle] });
}

async function withEngine(oracle: Service, test: (engine: EmbeddedEngine) => Promise<void>): Promise<void> {
  await withFolder(async (dataDir) => {
    const engine = await start(dataDir, oracle);
    try {
      await test(engine);
    } finally {
      await engine.stop(deadlineMs);
    }
  });
}

interface Ask {
  readonly bodies: readonly number[];
  readonly inMs?: number;
  readonly service?: string;
}

async function ask(engine: EmbeddedEngine, id: string, { bodies, inMs, service }: Ask): Promise<void> {
  const batch = engine.batch();
  batch.add("asker", id, { service: service ?? "oracle", bodies, deadlineMs: inMs ?? deadlineMs * 2 });
  await batch.send();
}

async function stateOf(engine: EmbeddedEngine, id: string): Promise<Asker> {
  const answer = await engine.ask({ kind: "asker", id }, "state", {}, { consistency: "strict", deadlineMs });
  assert.equal(answer.type, "answered");
  return answer.type === "answered" ? JSON.parse(answer.json) : { made: [], heard: [] };
}

/** What the actor has heard, by request, once that is so much. */
function heardBy(engine: EmbeddedEngine, id: string, count: number): Promise<Asker["heard"]> {
  return eventually(`${count} outcomes for ${id}`, deadlineMs, async () => {
    const { heard } = await stateOf(engine, id);
    return heard.length >= count ? heard.sort(([a], [b]) => a - b) : null;
  });
}

const happens = (what: string, holds: () => boolean) =>
  eventually(what, deadlineMs, () => Promise.resolve(holds() ? true : null));

const ids = Array.from({ length: 8 }, (_, n) => `asker-${n}`);

/** Each asker has asked for `times` × `bodies`; each number was doubled once. */
async function assertDoubled(
  engine: EmbeddedEngine,
  bodies: readonly number[],
  times: number,
): Promise<void> {
  for (const id of ids) {
    const heard = await heardBy(engine, id, bodies.length * times);
    const { made } = await stateOf(engine, id);
    assert.deepEqual(heard.map(([n]) => n), made, `one outcome for each request of ${id}`);
    const expected = Array.from({ length: times }, () => bodies.map((body) => body * 2)).flat();
    assert.deepEqual(heard.map(([, value]) => value), expected);
  }
}

Deno.test("services answer what actors ask, and a service that there is not is told of", () =>
  withEngine(new Oracle(double), async (engine) => {
    for (const id of ids) await ask(engine, id, { bodies: [1, 2, 3] });
    await assertDoubled(engine, [1, 2, 3], 1);
    await ask(engine, "lost", { bodies: [1], service: "nobody" });
    assert.deepEqual(await heardBy(engine, "lost", 1).then(([heard]) => heard?.[1]), "unknown-service");
    await engine.flush(deadlineMs);
    const text = await engine.metrics();
    assert.match(text, /^sensorium_service_requests_total\{service="oracle",outcome="answered"\} 24$/m);
    assert.match(text, /^sensorium_service_requests_total\{service="",outcome="unknown-service"\} 1$/m);
    assert.match(text, /^sensorium_service_in_flight\{service="oracle"\} 0$/m);
    assert.match(text, /^sensorium_requests_made_total 25$/m);
  }));

Deno.test("a service that crashes in the middle is started again, and no request is lost or answered twice", () => {
  const oracle: Oracle = new Oracle((request, signal) => {
    if (oracle.asked.length % 10 !== 5) return double(request, signal);
    oracle.crash();
    return silent(request, signal);
  });
  return withEngine(oracle, async (engine) => {
    for (const id of ids) await ask(engine, id, { bodies: [1, 2, 3, 4] });
    await assertDoubled(engine, [1, 2, 3, 4], 1);
    assert.ok(oracle.starts > 3, `${oracle.starts} starts`);
    assert.equal(new Set(oracle.asked.map(({ id }) => id)).size, 32);
    assert.ok(oracle.asked.length > 32, "what it had in hand was asked again, under the same ids");
  });
});

Deno.test("a host that dies between request and answer changes nothing", () => {
  const gate = new Happening("the hosts that die");
  const oracle = new Oracle(async (request, signal) => {
    await gate.done();
    return await double(request, signal);
  }, 100);
  return withEngine(oracle, async (engine) => {
    for (const id of ids) await ask(engine, id, { bodies: [5, 6] });
    await happens("all requests in the oracle's hands", () => oracle.asked.length === 16);
    for (const host of [0, 1]) engine.killHost(host, "the test ends it");
    for (const id of ids) await ask(engine, id, { bodies: [5, 6] });
    await happens("those after the death", () => oracle.asked.length === 32);
    gate.happened();
    await assertDoubled(engine, [5, 6], 2);
    assert.equal(new Set(oracle.asked.map(({ id }) => id)).size, 32, "none was begun twice");
  });
});

Deno.test("hosts that die all the time under load: every request is answered once", () =>
  withEngine(new Oracle(double), async (engine) => {
    for (let round = 0; round < 10; round++) {
      for (const id of ids) await ask(engine, id, { bodies: [round] });
      if (round % 3 === 1) engine.killHost(round % 2, "the test ends it");
    }
    for (const id of ids) {
      const heard = await heardBy(engine, id, 10);
      assert.deepEqual(heard.map(([n]) => n), (await stateOf(engine, id)).made);
      assert.deepEqual(heard.map(([, value]) => value), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    }
  }));

/** At once: what is not folded, checkpointed or answered by then is so by the next start. */
for (const [how, stopMs] of [["stops", deadlineMs], ["is stopped at once", 1]] as const) {
  Deno.test(`requests that are open when the node ${how} are asked again by the next, under the same ids`, () =>
    withFolder(async (dataDir) => {
      const before = new Oracle(silent);
      const first = await start(dataDir, before);
      await ask(first, "a", { bodies: [7, 8] });
      await happens("the requests in the first oracle's hands", () => before.asked.length === 2);
      await first.stop(stopMs);

      const after = new Oracle(double);
      const second = await start(dataDir, after);
      const heard = await heardBy(second, "a", 2);
      assert.deepEqual(heard.map(([, value]) => value), [14, 16]);
      assert.deepEqual(after.asked.map(({ id }) => id), before.asked.map(({ id }) => id));
      await second.stop(deadlineMs);

      const idle = new Oracle(double);
      const third = await start(dataDir, idle);
      assert.deepEqual((await stateOf(third, "a")).heard.length, 2);
      await third.flush(deadlineMs);
      assert.deepEqual(idle.asked, [], "nothing is open any more");
      await third.stop(deadlineMs);
    }));
}

Deno.test("requests to a service that is down wait up to its bound, and each until its deadline", () => {
  const oracle = new Oracle(double, 1, 2);
  oracle.mayStart = false;
  return withEngine(oracle, async (engine) => {
    await ask(engine, "a", { bodies: [1], inMs: 300 });
    assert.deepEqual(await heardBy(engine, "a", 1), [[1, "timeout"]]);
    await ask(engine, "a", { bodies: [2, 3, 4, 5, 6] });
    assert.deepEqual((await heardBy(engine, "a", 3)).slice(1), [[5, "overloaded"], [6, "overloaded"]]);
    assert.match(await engine.metrics(), /^sensorium_service_up\{service="oracle"\} 0$/m);
    oracle.mayStart = true;
    assert.deepEqual((await heardBy(engine, "a", 6)).slice(1, 4), [[2, 4], [3, 6], [4, 8]]);
    assert.deepEqual(oracle.asked.map(({ body }) => body), [2, 3, 4], "in order, without the late one");
  });
});

Deno.test("startEngine() refuses services that cannot be, before it opens anything", () =>
  withFolder(async (dataDir) => {
    await assert.rejects(start(dataDir, new Oracle(double, 0)), /a concurrency of 0/);
    assert.deepEqual([...Deno.readDirSync(dataDir)], []);
  }));
