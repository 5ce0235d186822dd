/** The contract of port `Store`, run over every adapter. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Store } from "../../runtime/store/port.ts";
import { claimTests, epochTests, rowTests } from "./store_claims.ts";
import { actorRows, checkpoint, deadLetter, minuteMs, shardCount, textOf } from "./store_fixtures.ts";
import { type Body, commitAll, sensor, type StoreFixture, type Test } from "./store_tests.ts";

export function storeContract(adapter: string, make: () => Promise<StoreFixture>): void {
  const test = (name: string, body: Body) =>
    Deno.test(`${adapter} ${name}`, async () => {
      const fixture = await make();
      try {
        await body(fixture.store, fixture);
      } finally {
        await fixture.dispose();
      }
    });
  claimTests(test);
  epochTests(test);
  rowTests(test);
  snapshotTests(test);
  shardStateTests(test);
  historyTests(test);
  deadLetterTests(test);
}

function snapshotTests(test: Test): void {
  test("load() gives back hot and cold rows and leaves out who has none", async (store) => {
    await commitAll(store, {
      actors: [{ id: "a", hot: "A" }, { id: "b", hot: "B", cold: "ring", dueMs: 5 }, { id: "c", hot: "" }],
    });
    const loaded = await store.load(0, ["c", "nobody", "b", "a"].map(sensor));
    assert.deepEqual(actorRows(loaded), [
      { kind: "sensor", id: "c", hot: "" },
      { kind: "sensor", id: "b", hot: "B", cold: "ring", dueMs: 5 },
      { kind: "sensor", id: "a", hot: "A" },
    ]);
    assert.equal(loaded.epoch, 1);
    await store.claim(0, "another");
    assert.equal((await store.load(0, [])).epoch, 2);
    assert.deepEqual((await store.load(1, [sensor("a")])).ids, []);
    assert.deepEqual((await store.load(0, [{ kind: "series", id: "a" }])).ids, []);
  });

  test("commit() keeps the cold row of an actor that the batch names without one", async (store, fixture) => {
    await commitAll(
      store,
      { actors: [{ id: "a", hot: "1", cold: "ring 1" }, { id: "b", hot: "1", cold: "ring 1" }] },
      { actors: [{ id: "a", hot: "2" }, { id: "b", hot: "2", cold: "ring 2" }] },
    );
    assert.deepEqual(actorRows(await (await fixture.reopen()).load(0, [sensor("a"), sensor("b")])), [
      { kind: "sensor", id: "a", hot: "2", cold: "ring 1" },
      { kind: "sensor", id: "b", hot: "2", cold: "ring 2" },
    ]);
  });

  test("load() and history() share no memory with what was committed", async (store) => {
    const claim = await store.claim(0, "a");
    const written = checkpoint(claim, {
      actors: [{ id: "a", hot: "hot", cold: "cold" }],
      history: [{ id: "a", startMs: 0, part: 0, row: "row" }],
      keys: { atMs: 10, hashes: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) },
    });
    await store.commit([written]);
    // What a commit has moved away has no bytes left to spoil.
    const spoil = (bytes: Uint8Array) => bytes.byteLength > 0 && bytes.fill(0);
    const { snapshots, history, keys } = written;
    [snapshots.hot.bytes, snapshots.cold.bytes, history.rows.bytes, keys!.hashes].forEach(spoil);
    const loaded = await store.load(0, [sensor("a")]);
    assert.deepEqual(actorRows(loaded), [{ kind: "sensor", id: "a", hot: "hot", cold: "cold" }]);
    const [row] = await store.history(sensor("a"), { stepMs: minuteMs, fromMs: 0, toMs: 1, limit: 1 });
    assert.equal(textOf(row!.row), "row");
    [loaded.hot.bytes, loaded.cold.bytes, row!.row].forEach(spoil);
    assert.deepEqual(actorRows(await store.load(0, [sensor("a")]))[0]!.hot, "hot");
    assert.equal(
      textOf((await store.history(sensor("a"), { stepMs: minuteMs, fromMs: 0, toMs: 1, limit: 1 }))[0]!.row),
      "row",
    );
    assert.deepEqual([...(await store.claim(0, "b")).keys], [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("due() pages through timers by time, kind and id", async (store) => {
    await commitAll(store, {
      actors: [
        { id: "late", hot: "", dueMs: 300 },
        { id: "b", hot: "", dueMs: 100 },
        { id: "a", hot: "", dueMs: 100 },
        { id: "z", kind: "ballot", hot: "", dueMs: 100 },
        { id: "never", hot: "" },
        { id: "past", hot: "", dueMs: 50 },
        { id: "half", hot: "", dueMs: 100.5 },
      ],
    });
    const named = async (afterMs: number, limit: number) =>
      (await store.due(0, afterMs, limit)).actors.map(({ dueMs, kind, id }) => `${dueMs} ${kind}/${id}`);
    assert.deepEqual(await named(50, 2), ["100 ballot/z", "100 sensor/a"]);
    assert.deepEqual(await named(100, 10), ["100.5 sensor/half", "300 sensor/late"]);
    assert.deepEqual(await named(-1, 1), ["50 sensor/past"]);
    assert.deepEqual((await store.due(1, 0, 10)).actors, []);
    const { epoch } = await store.claim(0, "another");
    assert.equal((await store.due(0, 0, 1)).epoch, epoch);
  });

  test("due() forgets a timer when a later snapshot has none", async (store) => {
    await commitAll(store, { actors: [{ id: "a", hot: "", dueMs: 9 }] }, { actors: [{ id: "a", hot: "" }] });
    assert.deepEqual((await store.due(0, 0, 10)).actors, []);
  });

  test("list() pages over all shards in byte order", async (store) => {
    const ids = ["a", "B", "ab", "é", "😀", "\uffee", "a b", "~", 'x{a="b"}', "x".repeat(1024), "日本"];
    for (const [index, id] of ids.entries()) {
      const claim = await store.claim(index % shardCount, "a");
      await store.commit([checkpoint(claim, { actors: [{ id, hot: id }] })]);
    }
    const found: string[] = [];
    for (let after: string | null = null;;) {
      const page = await store.list("sensor", after, 3);
      assert.ok(page.ids.length <= 3);
      found.push(...page.ids);
      if (page.next === null) break;
      after = page.next;
    }
    assert.deepEqual(found, ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    assert.deepEqual(await store.list("series", null, 3), { ids: [], next: null });
  });

  test("load() tells any two ids apart and gives back their bytes", async (store) => {
    const claim = await store.claim(0, "a");
    let commit = 0;
    const id = fc.string({ unit: "binary", minLength: 1, maxLength: 300 })
      .filter((text) => text.isWellFormed() && !text.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(id, { minLength: 1, maxLength: 10 }), async (ids) => {
        const actors = ids.map((id) => ({ id, hot: `hot of ${id}`, cold: `cold of ${id}` }));
        await store.commit([checkpoint({ ...claim, commit: commit++ }, { actors })]);
        const loaded = actorRows(await store.load(0, ids.map(sensor)));
        assert.deepEqual(loaded, actors.map((actor) => ({ kind: "sensor", ...actor })));
      }),
      { numRuns: 50 },
    );
  });

  test("countActors() counts each actor of a kind once", async (store, fixture) => {
    await commitAll(
      store,
      { actors: [{ id: "a", hot: "1" }, { id: "b", hot: "1" }, { kind: "series", id: "a", hot: "1" }] },
      { actors: [{ id: "a", hot: "2" }, { id: "c", hot: "1" }] },
    );
    const expected = [{ kind: "sensor", count: 3 }, { kind: "series", count: 1 }];
    assert.deepEqual(await store.countActors(), expected);
    assert.deepEqual(await (await fixture.reopen()).countActors(), expected);
  });
}

function shardStateTests(test: Test): void {
  test("claim() gives back positions and memory as they were committed", async (store, fixture) => {
    const positions = {
      mailbox: { offset: 9007199254740991, index: 3 },
      "other.topic": { offset: -1, index: 0 },
    };
    const memory = {
      clockMs: 1_700_000_000_123,
      gateways: { "node-1/é": { n: 12, atMs: 5 } },
      inbox: { "2": 8 },
      sources: { "ENTRY/3": 4711 },
      outbox: { "1": 4 },
      requests: 17,
      attempts: { place: { offset: 7, index: 2, timer: 0, step: 1 }, attempts: 3, epoch: 1, isOpen: false },
      suspended: { "sensor/é": { sinceMs: 3 } },
    };
    await commitAll(store, { positions, memory });
    const claim = await (await fixture.reopen()).claim(0, "b");
    assert.deepEqual(claim.positions, positions);
    assert.deepEqual(claim.memory, memory);
  });

  test(
    "claim() counts the death of a host once, at its place, in the shard's row",
    async (store, fixture) => {
      const place = { offset: 7, index: 2, timer: 0, step: 0 };
      assert.equal((await store.claim(0, "a")).memory.attempts, null);
      const death = { epoch: 1, place };
      const first = { place, attempts: 1, epoch: 1, isOpen: false };
      assert.deepEqual((await store.claim(0, "b", death)).memory.attempts, first);
      assert.deepEqual((await store.claim(0, "b", death)).memory.attempts, first, "the claim was repeated");
      const reopened = await fixture.reopen();
      assert.deepEqual((await reopened.claim(0, "c")).memory.attempts, first, "a process died");
      const second = { place, attempts: 2, epoch: 4, isOpen: false };
      assert.deepEqual((await reopened.claim(0, "d", { epoch: 4, place })).memory.attempts, second);
      const other = { ...place, index: 3 };
      const again = { place: other, attempts: 1, epoch: 5, isOpen: false };
      assert.deepEqual((await reopened.claim(0, "e", { epoch: 5, place: other })).memory.attempts, again);
    },
  );

  test("claim() gives back the outbox frames that were not acknowledged", async (store, fixture) => {
    const frame = (target: number, n: number) => ({ target, n, text: `[${target},${n},"é"]` });
    await commitAll(
      store,
      { outbox: [frame(2, 1), frame(2, 2), frame(10, 1), frame(2, 3)] },
      { outbox: [frame(2, 4), frame(1, 1)], outboxDone: [{ target: 2, n: 2 }, { target: 3, n: 9 }] },
    );
    const { outbox } = await (await fixture.reopen()).claim(0, "b");
    assert.deepEqual(outbox, [frame(1, 1), frame(2, 3), frame(2, 4), frame(10, 1)]);
  });

  test("claim() gives back the requests that have no outcome, by number", async (store, fixture) => {
    const request = (n: number, id = "a") => ({
      n,
      kind: "sensor",
      id,
      service: "mailer",
      body: JSON.stringify({ text: "\0 \ud800 é", n }),
      dueMs: 30_000 + n,
    });
    await commitAll(
      store,
      { requests: [request(1), request(2, "日本"), request(3)] },
      { requests: [request(10), request(9)], requestsDone: [1, 3] },
    );
    const reopened = await fixture.reopen();
    const claim = await reopened.claim(0, "b");
    assert.deepEqual(claim.requests, [request(2, "日本"), request(9), request(10)]);
    assert.deepEqual((await reopened.claim(1, "b")).requests, [], "those of another shard");
    await reopened.commit([checkpoint(claim, { requestsDone: [2, 9, 10, 11] })]);
    assert.deepEqual((await reopened.claim(0, "c")).requests, []);
  });

  test("commit() keeps the requests as they were when it is fenced or repeated", async (store) => {
    const request = (n: number) => ({ n, kind: "sensor", id: "a", service: "s", body: "1", dueMs: 5 });
    const old = await store.claim(0, "old");
    const make = () => checkpoint(old, { requests: [request(1)] });
    assert.deepEqual(await store.commit([make()]), ["committed"]);
    assert.deepEqual(await store.commit([make()]), ["committed"], "a repeat");
    assert.deepEqual((await store.claim(0, "new")).requests, [request(1)]);
    const late = checkpoint({ ...old, commit: 1 }, { requests: [request(2)], requestsDone: [1] });
    assert.deepEqual(await store.commit([late]), ["fenced"]);
    assert.deepEqual((await store.claim(0, "newer")).requests, [request(1)]);
  });

  test("claim() gives back the keys that have not expired", async (store, fixture) => {
    const keys = (atMs: number) => ({ atMs, hashes: new Uint8Array(8).fill(atMs) });
    await commitAll(
      store,
      { keys: keys(10) },
      { keys: keys(20) },
      { keys: keys(20) },
      { keysBeforeMs: 20 },
      { keys: keys(30), keysBeforeMs: 20 },
    );
    const claim = await (await fixture.reopen()).claim(0, "b");
    assert.deepEqual([...claim.keys], [20, 20, 30].flatMap((atMs) => [...keys(atMs).hashes]));
  });

  test(
    "claim() gives back the keys of hundreds of checkpoints in their order, until they expire",
    async (store, fixture) => {
      const hashes = (n: number) => new Uint8Array(8).fill(n);
      const at = (n: number) => ({
        keys: n % 3 === 0 ? null : { atMs: Math.floor(n / 2), hashes: hashes(n) },
      });
      const numbers = Array.from({ length: 150 }, (_, n) => n);
      await commitAll(store, ...numbers.map(at));
      const reopened = await fixture.reopen();
      const claim = await reopened.claim(0, "b");
      const wanted = numbers.filter((n) => n % 3 !== 0).flatMap((n) => [...hashes(n)]);
      assert.deepEqual([...claim.keys], wanted);
      await reopened.commit([checkpoint(claim, { keysBeforeMs: 75 })]);
      assert.deepEqual([...(await reopened.claim(0, "c")).keys], []);
    },
  );
}

function historyTests(test: Test): void {
  const read = async (store: Store, id: string, stepMs: number, fromMs: number, toMs: number, limit = 100) =>
    (await store.history(sensor(id), { stepMs, fromMs, toMs, limit }))
      .map(({ startMs, part, row }) => `${startMs}.${part} ${textOf(row)}`);

  test("history() gives put rows and increments by start and part", async (store, fixture) => {
    await commitAll(
      store,
      {
        history: [
          { id: "a", startMs: 60, part: 0, row: "put" },
          { id: "a", startMs: 0, part: 1, row: "first" },
          { id: "a", startMs: 60, part: 1, row: "added" },
          { id: "b", startMs: 60, part: 0, row: "other actor" },
          { id: "a", stepMs: 5 * minuteMs, startMs: 60, part: 0, row: "other step" },
        ],
      },
      {
        history: [
          { id: "a", startMs: 60, part: 0, row: "put again" },
          { id: "a", startMs: 60, part: 2, row: "added again" },
          { id: "a", startMs: 120, part: 0, row: "later" },
        ],
      },
    );
    const reopened = await fixture.reopen();
    assert.deepEqual(await read(reopened, "a", minuteMs, 0, 121), [
      "0.1 first",
      "60.0 put again",
      "60.1 added",
      "60.2 added again",
      "120.0 later",
    ]);
    assert.deepEqual(await read(reopened, "a", minuteMs, 60, 120, 2), ["60.0 put again", "60.1 added"]);
    assert.deepEqual(await read(reopened, "a", 5 * minuteMs, 0, 1000), ["60.0 other step"]);
    assert.deepEqual(await read(reopened, "nobody", minuteMs, 0, 1000), []);
  });

  test("commit() refuses an increment that is there already", async (store) => {
    await commitAll(store, { history: [{ id: "a", startMs: 0, part: 1, row: "x" }] });
    const claim = await store.claim(0, "b");
    const again = checkpoint(claim, { history: [{ id: "a", startMs: 0, part: 1, row: "y" }] });
    await assert.rejects(store.commit([again]), { name: "InvariantError" });
    assert.equal((await store.claim(0, "c")).commit, 1);
  });

  test("expireHistory() deletes the oldest rows in batches", async (store) => {
    const rows = [50, 10, 30, 20, 40].map((startMs) => ({ id: `s${startMs}`, startMs, part: 0, row: "x" }));
    await commitAll(store, { history: rows });
    assert.equal(await store.expireHistory(40, 2), 2);
    assert.deepEqual(await read(store, "s20", minuteMs, 0, 100), []);
    assert.deepEqual(await read(store, "s30", minuteMs, 0, 100), ["30.0 x"]);
    assert.equal(await store.expireHistory(40, 2), 1);
    assert.equal(await store.expireHistory(40, 2), 0);
    assert.deepEqual(await read(store, "s40", minuteMs, 0, 100), ["40.0 x"]);
  });
}

function deadLetterTests(test: Test): void {
  test("deadLetter() gives back every field and null for an unknown one", async (store, fixture) => {
    const letter = deadLetter("0-7-0", { detail: "\0 \ud800 é", stack: "Error\n  at x", actorId: "日本" });
    await commitAll(store, { deadLetters: [letter] });
    assert.deepEqual(await (await fixture.reopen()).deadLetter("0-7-0"), { ...letter, replayedAtMs: null });
    assert.equal(await (await fixture.reopen()).deadLetter("0-7-1"), null);
  });

  test("commit() keeps the first dead letter of an id", async (store) => {
    await commitAll(
      store,
      { deadLetters: [deadLetter("x", { detail: "first" })] },
      { deadLetters: [deadLetter("x", { detail: "second" }), deadLetter("y")] },
    );
    assert.equal((await store.deadLetter("x"))?.detail, "first");
    assert.equal((await store.deadLetters({ after: null, limit: 10 })).items.length, 2);
  });

  test("deadLetters() pages newest first while letters are added", async (store) => {
    const claim = await store.claim(0, "a");
    const at = (id: string, atMs: number) => deadLetter(id, { atMs });
    await store.commit([
      checkpoint(claim, { deadLetters: [at("b", 2), at("a", 2), at("c", 1), at("d", 3)] }),
    ]);
    const first = await store.deadLetters({ after: null, limit: 2 });
    assert.deepEqual(first.items.map(({ id }) => id), ["d", "b"]);
    await store.commit([checkpoint({ ...claim, commit: 1 }, { deadLetters: [at("e", 9)] })]);
    const second = await store.deadLetters({ after: first.next, limit: 2 });
    assert.deepEqual(second.items.map(({ id }) => id), ["a", "c"]);
    assert.equal(second.next, null);
    assert.deepEqual(await store.deadLetters({ after: "unknown", limit: 2 }), { items: [], next: null });
  });

  test("deadLetters() gives back those of the longest topics and actors there can be", async (store) => {
    // Kafka takes names of 249 characters; the numbers are the largest of a record's place, see `dead_letter.ts`.
    const topic = "t".repeat(249);
    const idOf = (last: number) =>
      `${topic}-${2 ** 31 - 1}-${Number.MAX_SAFE_INTEGER}-4095-524287-10000-${last}`;
    const letters = [0, 1].map((last) =>
      deadLetter(idOf(last), {
        topic: `${topic}/${2 ** 31 - 1}`,
        offset: Number.MAX_SAFE_INTEGER,
        actorId: `${"日".repeat(341)}${last}`,
      })
    );
    assert.equal(new TextEncoder().encode(letters[0]!.actorId).length, 1024);
    await commitAll(store, { deadLetters: letters });
    const stored = letters.map((letter) => ({ ...letter, replayedAtMs: null }));
    for (const letter of stored) {
      assert.deepEqual(await store.deadLetter(letter.id), letter);
      const { items } = await store.deadLetters({ after: null, limit: 10, actorId: letter.actorId });
      assert.deepEqual(items, [letter]);
    }
    const first = await store.deadLetters({ after: null, limit: 1 });
    assert.deepEqual(first.items, [stored[1]]);
    assert.deepEqual((await store.deadLetters({ after: first.next, limit: 1 })).items, [stored[0]]);
  });

  test("deadLetters() filters by kind, actor and reason", async (store) => {
    await commitAll(store, {
      deadLetters: [
        deadLetter("1", { kind: "sensor", actorId: "a", reason: "threw" }),
        deadLetter("2", { kind: "sensor", actorId: "b", reason: "invalid" }),
        deadLetter("3", { kind: "series", actorId: "a", reason: "threw" }),
      ],
    });
    const ids = async (filter: { kind?: string; actorId?: string; reason?: string }) =>
      (await store.deadLetters({ after: null, limit: 10, ...filter })).items.map(({ id }) => id);
    assert.deepEqual(await ids({ kind: "sensor" }), ["2", "1"]);
    assert.deepEqual(await ids({ actorId: "a" }), ["3", "1"]);
    assert.deepEqual(await ids({ kind: "sensor", actorId: "a", reason: "threw" }), ["1"]);
    assert.deepEqual(await ids({ reason: "late" }), []);
  });

  test(
    "commit() keeps a letter that was replayed, and renews one whose message died again",
    async (store, fixture) => {
      const died = (replays: number, atMs: number) =>
        deadLetter("x", {
          replays,
          atMs,
          detail: `death ${replays}`,
          reason: replays === 0 ? "threw" : "invalid",
        });
      await commitAll(
        store,
        { deadLetters: [died(0, 10), deadLetter("y", { atMs: 15 })] },
        { deadLetters: [died(1, 20)] },
        { replayed: [{ id: "x", replays: 2, atMs: 30 }, { id: "gone", replays: 1, atMs: 30 }] },
      );
      assert.deepEqual(await store.deadLetter("x"), { ...died(1, 20), replays: 2, replayedAtMs: 30 });
      assert.equal(await store.deadLetter("gone"), null);
      const { items } = await store.deadLetters({ after: null, limit: 10 });
      assert.deepEqual(items.map(({ id }) => id), ["x", "y"], "by the last death");
      const invalid = await store.deadLetters({ after: null, limit: 10, reason: "invalid" });
      assert.deepEqual(invalid.items.map(({ id }) => id), ["x"]);

      const reopened = await fixture.reopen();
      await commitAll(reopened, {
        deadLetters: [died(2, 40)],
        replayed: [{ id: "x", replays: 2, atMs: 50 }],
      });
      assert.equal((await reopened.deadLetter("x"))?.replayedAtMs, 30, "known with as many replays");
      await commitAll(reopened, { deadLetters: [died(3, 60)] });
      assert.deepEqual(await reopened.deadLetter("x"), { ...died(3, 60), replayedAtMs: null });
    },
  );

  test("expireDeadLetters() deletes the oldest letters in batches", async (store) => {
    const letters = [50, 10, 30, 20, 40].map((atMs) => deadLetter(`l${atMs}`, { atMs }));
    await commitAll(store, { deadLetters: letters });
    const left = async () =>
      (await store.deadLetters({ after: null, limit: 10 })).items.map(({ atMs }) => atMs);
    assert.equal(await store.expireDeadLetters(40, 2), 2);
    assert.deepEqual(await left(), [50, 40, 30]);
    assert.equal(await store.expireDeadLetters(40, 2), 1);
    assert.equal(await store.expireDeadLetters(40, 2), 0);
    assert.deepEqual(await left(), [50, 40]);
  });
}
