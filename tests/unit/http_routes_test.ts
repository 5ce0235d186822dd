import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import type { StoredDeadLetter } from "../../runtime/core/checkpoint.ts";
import type { PanesAnswer } from "../../actors/analytics/window_answer.ts";
import { fiveMinuteHistory } from "../../actors/analytics/resolution.ts";
import { ActorAnswer, Actors, SuspendedActors, Windows } from "../../actors/http/schemas.ts";
import { Cluster } from "../../actors/http/cluster_schemas.ts";
import { HostDetails, LateProblem, Trace } from "../../actors/http/inside_schemas.ts";
import { withApp } from "./http_app_under_test.ts";
import { answered, fakeNowMs } from "./http_fake_engine.ts";

const window = { from: 0, to: 60_000, count: 1, min: 2, max: 2, mean: 2, stdSample: null, stdPopulation: 0 };
const withLast = { ...window, last: { ts: 1, value: 2 } };
const windows = {
  total: { temperature: { count: 1, sum: 2 } },
  channels: { temperature: { "1h": withLast, "3h": withLast, "12h": withLast } },
};

const letter: StoredDeadLetter = {
  id: "5-41-0",
  shard: 5,
  topic: "mailbox",
  offset: 41,
  kind: "sensor",
  actorId: "a",
  reason: "threw",
  detail: "It threw",
  stack: null,
  message: "[null,null,{}]",
  messageVersion: 1,
  atMs: fakeNowMs,
  replays: 3,
  replayedAtMs: null,
};

interface Refusal {
  readonly path: string;
  readonly init?: RequestInit;
  readonly status: number;
  readonly code: string;
  readonly says?: RegExp;
}

const refusals: readonly Refusal[] = [
  { path: "/nowhere", status: 404, code: "unknown-path", says: /no \/nowhere/ },
  { path: "/sensors/", status: 404, code: "unknown-path" },
  { path: "/sensors/a/b/c", status: 404, code: "unknown-path", says: /%2F/ },
  { path: "/web/no.js", status: 404, code: "unknown-path" },
  { path: "/sensors/a", status: 404, code: "unknown-actor", says: /sensor "a" has never/ },
  { path: "/sensors", init: { method: "DELETE" }, status: 405, code: "wrong-method", says: /GET, HEAD/ },
  { path: "/readings", status: 405, code: "wrong-method", says: /POST, OPTIONS/ },
  { path: "/sensors/%zz", status: 400, code: "bad-id", says: /percent-encoded/ },
  { path: "/sensors/%ff", status: 400, code: "bad-id", says: /percent-encoded/ },
  { path: "/sensors/a%00b", status: 400, code: "bad-id", says: /control/ },
  { path: `/sensors/${"x".repeat(1025)}`, status: 400, code: "bad-id", says: /1024 bytes/ },
  { path: "/sensors?limit=0", status: 400, code: "bad-parameter", says: /1 to 1000/ },
  { path: "/sensors?limit=1001", status: 400, code: "bad-parameter", says: /1 to 1000/ },
  { path: "/sensors?limit=many", status: 400, code: "bad-parameter", says: /"limit"/ },
  { path: "/sensors?limit=1&limit=2", status: 400, code: "bad-parameter", says: /twice/ },
  { path: "/sensors?lmit=1", status: 400, code: "bad-parameter", says: /knows limit, after/ },
  { path: "/sensors?consistency=cached", status: 400, code: "bad-parameter", says: /strict or local/ },
  {
    path: "/sensors/a?consistency=maybe",
    status: 400,
    code: "bad-parameter",
    says: /strict, local or cached/,
  },
  { path: "/sensors/a/windows?at=noon", status: 400, code: "bad-parameter", says: /RFC 3339/ },
  { path: "/sensors/a/windows?at=2026-01-31", status: 400, code: "bad-parameter", says: /RFC 3339/ },
  {
    path: "/series/host_a/history?step=90s",
    status: 400,
    code: "bad-parameter",
    says: /multiple of 1 minute /,
  },
  { path: "/sensors/a/history?step=0", status: 400, code: "bad-parameter", says: /multiple of 1 minute is/ },
  { path: "/sensors/a/history?step=fast", status: 400, code: "bad-parameter", says: /5m, 1h/ },
  { path: "/sensors/a/history?from=2&to=1", status: 400, code: "bad-parameter", says: /before/ },
  { path: "/sensors/a/history?from=0", status: 400, code: "bad-parameter", says: /at most 2500/ },
  {
    path: "/dead-letters?after=garbage",
    status: 404,
    code: "unknown-dead-letter",
    says: /no dead letter "garbage"/,
  },
  { path: "/dead-letters/none", status: 404, code: "unknown-dead-letter" },
  { path: "/dead-letters/none/replay", init: { method: "POST" }, status: 404, code: "unknown-dead-letter" },
  { path: "/dead-letters/5-41-0/replay", init: { method: "POST" }, status: 409, code: "replays-used-up" },
  { path: "/sensors", init: { headers: { accept: "text/html" } }, status: 406, code: "not-acceptable" },
];

for (const { path, init, status, code, says } of refusals) {
  Deno.test(`${init?.method ?? "GET"} ${path.slice(0, 60)} is refused as ${code}`, () =>
    withApp({}, async ({ ask, engine, logged }) => {
      engine.letters = [letter];
      const response = await ask(path, init);
      assert.equal(response.status, status);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      const problem = await response.json();
      assert.equal(problem.type, `/docs#problem-${code}`);
      assert.match(problem.detail, says ?? /./);
      assert.deepEqual(logged, []);
    }));
}

Deno.test("An unknown path is told which paths begin alike", () =>
  withApp({}, async ({ ask }) => {
    assert.match((await (await ask("/sensors/a/b/c")).json()).hint, /\/sensors\/\{id\}\/windows/);
    assert.match((await (await ask("/x")).json()).hint, /\/readings/);
  }));

Deno.test("A wrong method is told the right ones in Allow, and so is OPTIONS", () =>
  withApp({}, async ({ ask }) => {
    assert.equal(
      (await ask("/series", { method: "DELETE" })).headers.get("allow"),
      "GET, HEAD, POST, OPTIONS",
    );
    const options = await ask("/readings", { method: "OPTIONS" });
    assert.equal(options.status, 204);
    assert.equal(options.headers.get("allow"), "POST, OPTIONS");
  }));

Deno.test("HEAD answers like GET without a body, and HEAD /events keeps no listener", () =>
  withApp({ limits: { maxListeners: 1 } }, async ({ ask }) => {
    for (const path of ["/sensors", "/healthz", "/events", "/events"]) {
      const response = await ask(path, { method: "HEAD" });
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "");
    }
  }));

Deno.test("GET /sensors lists a page after everything acknowledged is in the store", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.ids = ["a", "b", "c"];
    const first = await (await ask("/sensors?limit=2")).json();
    assert.deepEqual(first, { items: [{ id: "a" }, { id: "b" }], next: "b" });
    const second = await (await ask("/sensors?limit=2&after=b&consistency=local")).json();
    assert.deepEqual(second, { items: [{ id: "c" }], next: null });
    assert.equal(engine.flushed.length, 1);
  }));

Deno.test("GET /sensors/{id} decodes one segment and answers state, epoch and position", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    const response = await ask(`/sensors/${encodeURIComponent('a/b%2F{c="d"} é')}`);
    const id = 'a/b%2F{c="d"} é';
    assert.deepEqual(await response.json(), { id, epoch: 3, position: { mailbox: 41 }, channels: {} });
    assert.deepEqual(engine.asked.map(({ kind, id, query }) => [kind, id, query]), [["sensor", id, "state"]]);
  }));

Deno.test("GET /sensors/{id}/windows answers exactly the members that are promised", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered(windows);
    const answer = await (await ask("/sensors/a/windows?at=2026-01-31T12:00:00Z")).json();
    assert.deepEqual(answer, { id: "a", epoch: 3, position: { mailbox: 41 }, ...windows });
    assert.ok(Windows.safeParse(answer).success);
    assert.deepEqual(engine.asked[0]?.args, { at: fakeNowMs });
    assert.equal(engine.asked[0]?.options.consistency, "strict");
  }));

Deno.test("?consistency=local says its age", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} }, 12);
    const answer = await (await ask("/series/a?consistency=local")).json();
    assert.deepEqual([answer.consistency, answer.ageMs], ["local", 12]);
  }));

const storeCalls: readonly (readonly [path: string, init?: RequestInit])[] = [
  ["/sensors"],
  ["/actors"],
  ["/dead-letters"],
  ["/dead-letters?after=5-41-0"],
  ["/dead-letters/5-41-0"],
  ["/dead-letters/5-41-0/replay", { method: "POST" }],
  ["/sensors/a/history"],
];

const { stepMs } = fiveMinuteHistory;
const noPanes: PanesAnswer = {
  isKept: true,
  stepMs,
  fromMs: fakeNowMs - stepMs,
  channels: { temperature: [] },
};

for (const [path, init] of storeCalls) {
  Deno.test(`${init?.method ?? "GET"} ${path} answers 504 when the store does not answer`, () =>
    withApp({ limits: { askDeadlineMs: 20 } }, async ({ ask, engine, logged }) => {
      engine.isStoreSilent = true;
      engine.answer = () => answered(noPanes);
      const response = await ask(path, init);
      assert.equal(response.status, 504);
      assert.equal(response.headers.get("retry-after"), "1");
      const { type, detail, waiting } = LateProblem.parse(await response.json());
      assert.equal(type, "/docs#problem-no-answer-in-time");
      assert.match(detail, /within 0\.02 s/);
      assert.deepEqual(waiting, { type: "store", waitedMs: 20 });
      assert.deepEqual(logged, []);
    }));
}

Deno.test("A time-out of the engine is a 504 that says what was waited for", () =>
  withApp({}, async ({ ask, post, engine }) => {
    const turn = { shard: 2, forMs: 800, place: { offset: 9, index: 4, step: 0 }, entry: null };
    const target = { kind: "sensor", id: "a" };
    const queue = { queuedFrames: 12, oldestAgeMs: 340 };
    const asked = {
      type: "ask",
      node: null,
      target,
      shard: 5,
      host: 1,
      state: "running",
      waitedMs: 10,
      ...queue,
      turn,
    } as const;
    const what = { target: null, shards: [1, 5], messages: 3 };
    const sent = { type: "send", ...what, state: "log", waitedMs: 10, outcome: "unknown" } as const;
    const request = {
      asked: () => ask("/sensors/a"),
      sent: () => post("/readings", '[{"id":"a","values":{"t":1}}]'),
    };
    for (const [name, waiting] of [["asked", asked], ["sent", sent]] as const) {
      engine.failure = new EngineError("timeout", "The engine says where it was", 1, { waiting });
      const response = await request[name]();
      assert.equal(response.status, 504);
      const problem = LateProblem.parse(await response.json());
      assert.deepEqual([problem.detail, problem.waiting], ["The engine says where it was", waiting]);
    }
  }));

Deno.test("GET /actors tells of the kinds, the shards and the threads that are supervised", () =>
  withApp({}, async ({ ask }) => {
    const answer = Actors.parse(await (await ask("/actors")).json());
    assert.equal(answer.shards[0]?.state, "running");
    assert.equal(answer.tree.id, "node");
    const [hosts] = answer.tree.children;
    assert.ok(hosts?.kind === "supervisor");
    const [host] = hosts.children;
    assert.ok(host?.kind === "worker");
    assert.deepEqual([host.id, host.restarts], ["host-0", 2]);
    const { shards: [shard], turn } = HostDetails.parse(host.details);
    assert.deepEqual([shard?.queuedFrames, shard?.oldestAgeMs], [2, 340]);
    assert.deepEqual([turn?.forMs, turn?.entry?.id], [1200, "a"]);
  }));

Deno.test("GET /actors/{kind}/{id} passes name and arguments of the query on", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered([1, 2]);
    const answer = await (await ask("/actors/ballot/b1?query=top&count=3")).json();
    assert.deepEqual(answer, {
      kind: "ballot",
      id: "b1",
      query: "top",
      epoch: 3,
      position: { mailbox: 41 },
      answer: [1, 2],
      suspended: null,
    });
    assert.deepEqual(engine.asked[0]?.args, { count: "3" });
  }));

Deno.test("GET /actors/{kind}/{id} says that the actor is suspended; a cached answer does not know", () =>
  withApp({}, async ({ ask, engine }) => {
    const suspended = { sinceMs: 5, detail: "It threw", parked: 3 };
    engine.answer = () => answered(1, 0, suspended);
    const answer = await (await ask("/actors/ballot/b1")).json();
    assert.deepEqual(ActorAnswer.parse(answer).suspended, { since: 5, detail: "It threw", parked: 3 });
    await ask("/actors/ballot/b1?consistency=cached");
    const cached = await (await ask("/actors/ballot/b1?consistency=cached")).json();
    assert.equal(cached.consistency, "cached");
    assert.ok(!("suspended" in cached));
  }));

Deno.test("GET /actors/{kind}/{id}/trace tells the last messages, and wants a limit that there can be", () =>
  withApp({}, async ({ ask, engine }) => {
    const place = { offset: 41, index: -1, timer: "1500/ballot/b1/close", timerNumber: 1, step: 0 };
    const message = { ...place, atMs: 1500, sender: null, message: '"close"', outcome: "folded" };
    const entry = { ...message, index: 3, timer: "", timerNumber: 0, sender: { kind: "user", id: "u" } };
    engine.answer = () => answered({ sinceMs: 1000, messages: [message, entry] }, 7);
    const answer = await (await ask("/actors/ballot/b1/trace?limit=2&consistency=local")).json();
    assert.deepEqual(Trace.parse(answer), answer);
    assert.deepEqual([answer.since, answer.epoch, answer.position, answer.ageMs], [
      1000,
      3,
      { mailbox: 41 },
      7,
    ]);
    assert.deepEqual(answer.messages, [
      {
        ...{ atMs: 1500, sender: null, message: '"close"', outcome: "folded" },
        place: { offset: 41, index: -1, step: 0, timer: "1500/ballot/b1/close" },
      },
      {
        ...{ atMs: 1500, sender: { kind: "user", id: "u" }, message: '"close"', outcome: "folded" },
        place: { offset: 41, index: 3, step: 0, timer: null },
      },
    ]);
    const [{ query, args, options } = assert.fail("nothing was asked")] = engine.asked;
    assert.deepEqual([query, args, options.consistency], ["trace", { limit: 2 }, "local"]);
    for (const wrong of ["limit=0", "limit=51", "consistency=cached", "query=x"]) {
      assert.equal((await ask(`/actors/ballot/b1/trace?${wrong}`)).status, 400, wrong);
    }
    engine.answer = () => ({ type: "absent", ageMs: 0 });
    assert.equal((await ask("/actors/ballot/b1/trace")).status, 404);
  }));

Deno.test("POST /actors/{kind}/{id}/resume resumes or discards, under the key if there is one", () =>
  withApp({}, async ({ ask, engine }) => {
    const post = (query: string, headers = {}) =>
      ask(`/actors/sensor/a%2Fb/resume${query}`, { method: "POST", headers });
    const resumed = await post("");
    assert.equal(resumed.status, 202);
    assert.deepEqual(await resumed.json(), { parked: "replay" });
    assert.deepEqual(await (await post("?parked=discard", { "idempotency-key": "k1" })).json(), {
      parked: "discard",
    });
    const target = { kind: "sensor", id: "a/b" };
    assert.deepEqual(engine.resumed, [[target, "resume"], [target, "discard", "k1"]]);
    assert.equal((await post("?parked=burn")).status, 400);
    assert.equal((await post("", { "idempotency-key": "a b" })).status, 400);
    engine.failure = new EngineError("log_full", "The disk is full");
    assert.equal((await post("")).status, 507);
  }));

Deno.test("GET /suspended lists suspended actors by pages", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.suspendedActors = ["a", "b", "c"].map((id) => ({ kind: "sensor", id, sinceMs: 7 }));
    const first = SuspendedActors.parse(await (await ask("/suspended?limit=2")).json());
    assert.deepEqual(first.items, ["a", "b"].map((id) => ({ kind: "sensor", id, since: 7 })));
    assert.equal(first.next, "sensor/b");
    const second = await (await ask(`/suspended?limit=2&after=${encodeURIComponent(first.next)}`)).json();
    assert.deepEqual(second, { items: [{ kind: "sensor", id: "c", since: 7 }], next: null, missing: [] });
  }));

Deno.test("GET /suspended has those of all nodes, each once, and names nodes that do not answer", () =>
  withApp({}, async ({ ask, engine }) => {
    const named = (ids: readonly string[]) => ids.map((id) => ({ kind: "sensor", id, sinceMs: 7 }));
    engine.suspendedActors = named(["a", "c"]);
    const missing = ["node-2: it did not answer in time"];
    engine.others = { suspended: () => Promise.resolve({ items: named(["d", "b", "c"]), missing }) };
    const page = SuspendedActors.parse(await (await ask("/suspended?limit=3")).json());
    assert.deepEqual(page.items.map(({ id }) => id), ["a", "b", "c"]);
    assert.deepEqual([page.next, page.missing], ["sensor/c", missing]);
  }));

Deno.test("GET /cluster tells of nodes, shards and rebalances", () =>
  withApp({}, async ({ ask, engine }) => {
    const shard = {
      shard: 0,
      node: "host/node-0/1",
      owner: "host-0",
      epoch: 4,
      position: { mailbox: 9, readings: 4 },
      lag: 2,
      topicLags: { readings: 7, recoveries: null },
    };
    const moved = { gained: [0], lost: [], kept: [1], agreeingMs: 40, claimingMs: 12, replayingMs: null };
    engine.clusterStatus = {
      nodes: [{ name: "host/node-0/1", url: "http://10.0.0.3:9464", isSelf: true, shards: 1 }],
      shards: [{ ...shard, checkpointAtMs: fakeNowMs }],
      rebalances: [{ number: 3, atMs: fakeNowMs, ...moved }],
      missing: [],
    };
    const answer = await (await ask("/cluster")).json();
    assert.deepEqual(Cluster.strict().parse(answer), answer);
    assert.deepEqual(answer.shards, [{ ...shard, checkpointAt: fakeNowMs }]);
    assert.deepEqual(answer.rebalances, [{ number: 3, at: fakeNowMs, ...moved }]);
  }));

const answers = [
  ["unknown", 404, "unknown-query"],
  ["invalid", 400, "bad-query"],
  ["failed", 500, "internal"],
] as const;

for (const [type, status, code] of answers) {
  Deno.test(`GET /actors/{kind}/{id} answers ${status} when the query is ${type}`, () =>
    withApp({}, async ({ ask, engine, logged }) => {
      engine.answer = () => ({ type, sentence: "The shard says why", ageMs: 0 });
      const response = await ask("/actors/sensor/a?query=x");
      assert.equal(response.status, status);
      assert.equal((await response.json()).type, `/docs#problem-${code}`);
      assert.equal(logged.length, type === "failed" ? 1 : 0);
    }));
}

Deno.test("A read of a shard that moves or is not ready answers 503 with Retry-After", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => ({ type: "moved", ageMs: 0 });
    const moved = await ask("/sensors/a");
    engine.failure = new EngineError("starting", "Shard 5 is being claimed");
    const starting = await ask("/sensors/a");
    for (const response of [moved, starting]) {
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("retry-after"), "1");
    }
  }));

Deno.test("GET /actors counts kinds and shows shards", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.ids = ["a"];
    const { kinds, shards } = await (await ask("/actors")).json();
    assert.deepEqual(kinds, [{ kind: "sensor", count: 1 }]);
    assert.equal(shards[0].state, "running");
  }));

Deno.test("GET /dead-letters passes page and filters on; a letter can be read and replayed", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.letters = [letter];
    const page = await (await ask("/dead-letters?limit=5&after=5-41-0&kind=sensor&actorId=a&reason=threw"))
      .json();
    assert.deepEqual(page, { items: [letter], next: null });
    assert.deepEqual(engine.listed, [{
      limit: 5,
      after: "5-41-0",
      kind: "sensor",
      actorId: "a",
      reason: "threw",
    }]);
    assert.deepEqual(await (await ask("/dead-letters/5-41-0")).json(), letter);
    engine.replays = 1;
    const replay = await ask("/dead-letters/5-41-0/replay", { method: "POST" });
    assert.equal(replay.status, 202);
    assert.deepEqual(await replay.json(), { replays: 1 });
    engine.replays = null;
    engine.letters = [{ ...letter, replayedAtMs: fakeNowMs }];
    const again = await ask("/dead-letters/5-41-0/replay", { method: "POST" });
    assert.equal(again.status, 409);
    const { type, detail } = await again.json();
    assert.equal(type, "/docs#problem-already-replayed");
    assert.match(detail, /sent again and folded, at 2026-01-31T12:00/);
  }));

Deno.test("GET /readyz says what it waits for; /healthz answers all the same", () =>
  withApp({}, async ({ ask, engine, app }) => {
    assert.equal((await ask("/readyz")).status, 200);
    engine.ready = false;
    const response = await ask("/readyz");
    assert.equal(response.status, 503);
    assert.equal((await response.json()).waitingFor, "Shard 3 is being claimed");
    assert.equal((await ask("/healthz")).status, 200);
    assert.equal((await app.adminFetch(new Request("http://admin/healthz"))).status, 200);
  }));

Deno.test("The operator's port has health and metrics only", () =>
  withApp({}, async ({ app }) => {
    const ask = async (path: string) => (await app.adminFetch(new Request(`http://admin${path}`))).status;
    assert.deepEqual(await Promise.all(["/metrics", "/readyz", "/sensors", "/"].map(ask)), [
      200,
      200,
      404,
      404,
    ]);
  }));
