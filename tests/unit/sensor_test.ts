import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { TestNode } from "../../runtime/testkit.ts";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { readingOf, recoveredAt, sensorDefinition, sensorMessageType } from "../../actors/sensors/sensor.ts";
import { seriesMessageType } from "../../actors/series/series.ts";
import { ByteReader } from "../../runtime/core/bytes.ts";
import { maxAheadMs } from "../../runtime/core/limits.ts";
import { Rig, stubContext } from "./window_rig.ts";

const noon = Date.UTC(2026, 0, 31, 12);

/** Values near to what messages are made of. */
const scalar = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    "true",
    "",
    0,
    -0,
    1,
    2,
    -1,
    0.5,
    1e999,
    8.64e15,
    8.64e15 + 1,
    2 ** 53 - 1,
    2 ** 53,
  ),
  fc.jsonValue({ maxDepth: 1 }),
);
const key = fc.oneof(
  fc.constantFrom(
    "a",
    "temperature",
    "__proto__",
    "__x",
    "_x",
    "",
    "a b",
    "ä",
    "constructor",
    "toString",
    "a".repeat(64),
    "a".repeat(65),
  ),
  fc.string({ maxLength: 3 }),
);
const values = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.dictionary(fc.constantFrom("a", "b.c", "D:e-1"), fc.oneof(fc.boolean(), fc.double())),
  },
  { weight: 3, arbitrary: fc.dictionary(key, scalar, { maxKeys: 3 }) },
  fc.integer({ min: 62, max: 66 }).map((n) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`c${i}`, i]))
  ),
  scalar,
);
const nearMessage = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.oneof(fc.nat(), scalar), fc.oneof(fc.nat(), scalar), values) },
  { weight: 6, arbitrary: fc.tuple(fc.constant(null), fc.constant(null), fc.oneof(values, fc.double())) },
  { weight: 3, arbitrary: fc.tuple(fc.constant(null), fc.nat(), values, fc.constantFrom(1, 0, true, null)) },
  { weight: 1, arbitrary: fc.jsonValue() },
);

/** Messages of sensors, and what is near to them. */
const nearReading = fc.tuple(
  fc.constantFrom(0, 1, 2, null),
  fc.oneof(
    fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom("a", "b.c", "D:e-1") }, key), { maxLength: 3 }),
    fc.integer({ min: 62, max: 66 }).map((n) => Array.from({ length: n }, (_, i) => `c${i}`)),
  ),
  fc.array(fc.oneof({ weight: 9, arbitrary: fc.double() }, scalar), { maxLength: 3 }),
  fc.boolean(),
).map(([mark, names, some, fits]) => {
  const given = fits ? names.map((_, i) => i % 2 === 0 ? i : true) : some;
  return [null, null, mark, names.join(","), ...given];
});

const near = { sensor: fc.oneof(nearReading, nearMessage), series: nearMessage };

/** As it arrives: JSON can make an own key `__proto__`, an object literal cannot. */
function throughJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)?.replace('"__own"', '"__proto__"') ?? "null");
}

const types = { sensor: sensorMessageType, series: seriesMessageType };
for (const kind of ["sensor", "series"] as const) {
  const type = types[kind];
  Deno.test(`the message of ${kind} is accepted exactly when its schema accepts it`, () => {
    let accepted = 0;
    fc.assert(
      fc.property(near[kind], (message) => {
        const value = throughJson(message);
        const verdict = type.accepts(value);
        assert.equal(verdict, type.schema.safeParse(value).success, JSON.stringify(value));
        if (verdict) accepted++;
      }),
      { numRuns: 3000 },
    );
    assert.ok(accepted > 100, `${accepted} accepted`);
  });
}

Deno.test("the message of sensor is refused when its names and values do not fit", () => {
  const wrong = [
    [null, null, 0, "a"],
    [null, null, 0, "a", 1, 2],
    [null, null, 0, "a,b", 1],
    [null, null, 0, "a,a", 1, 2],
    [null, null, 0, "", 1],
    [null, null, 0, "a,", 1, 2],
    [null, null, 0, "__proto__", 1],
    [null, null, 2, "a", 1],
    [null, null, 0, "a", "1"],
    [null, null, { a: 1 }],
  ];
  for (const value of wrong) {
    assert.equal(sensorMessageType.accepts(value), false, JSON.stringify(value));
    assert.equal(sensorMessageType.schema.safeParse(value).success, false, JSON.stringify(value));
  }
});

const s1 = { kind: "sensor", id: "s1" };

/** A node at noon, each of whose hosts has a pool of its own, as threads have. */
function nodeAtNoon(): TestNode {
  return new TestNode({ definitions: () => [sensorDefinition(new SlabPool())], startMs: noon });
}

const Channels = z.looseObject({
  channels: z.record(z.string(), z.looseObject({ total: z.looseObject({ count: z.number() }) })),
});

function channelsOf(node: TestNode) {
  return Channels.parse(node.ask(s1, "state")).channels;
}

Deno.test("a sensor keeps no channel of a reading that is a repeat, too old a number, or too far ahead", () => {
  const node = nodeAtNoon();
  node.send(s1, [noon, 1000, 0, "a", 1]);
  node.send(s1, [noon, 1000, 0, "b", 1]);
  node.send(s1, [noon, 10, 0, "c", 1]);
  node.send(s1, [noon + 300_001, 1001, 0, "d", 1]);
  assert.deepEqual(Object.keys(channelsOf(node)), ["a"]);
  const [letter, ...others] = node.deadLetters();
  assert.deepEqual([letter?.reason, others.length], ["too-far-ahead", 0]);
  assert.match(letter!.detail, /sensor\/s1 has the time 2026-01-31T12:05:00.001Z, 301 s ahead/);
  node.send(s1, [noon, 1001, 0, "e", 1]);
  assert.deepEqual(Object.keys(channelsOf(node)), ["a", "e"], "a refused number is not used up");
});

Deno.test("a sensor dead-letters a reading as a whole when it would pass the bound of channels", () => {
  const node = nodeAtNoon();
  const reading = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${from + i}`, i]));
  for (let from = 0; from < 1024; from += 64) node.send(s1, readingOf(noon, null, reading(from, 64), false));
  node.send(s1, readingOf(noon, null, reading(1023, 2), false));
  assert.equal(Object.keys(channelsOf(node)).length, 1024);
  assert.deepEqual(node.deadLetters().map(({ reason }) => reason), ["too-many-channels"]);
  node.send(s1, readingOf(noon, null, reading(1020, 4), false));
  assert.equal(channelsOf(node)["c1023"]?.total.count, 2);
  node.advance(600_000);
  node.loseNode();
  assert.equal(Object.keys(channelsOf(node)).length, 1024);
  node.expectReplays();
});

Deno.test("the queries of a sensor answer JSON and read times as numbers or text", () => {
  const node = nodeAtNoon();
  node.send(s1, [noon, null, 0, "temperature,door", 21.5, true]);
  const windows = (args: Json) => node.ask(s1, "windows", args);
  assert.deepEqual(windows({ at: String(noon) }), windows({ at: noon }));
  assert.deepEqual(windows({ at: "2026-01-31T12:00:00Z" }), windows({ at: noon }));
  assert.throws(() => windows({ at: "yesterday" }), /epoch milliseconds or RFC 3339/);
  assert.deepEqual(node.ask(s1, "panes"), {
    isKept: true,
    stepMs: 300_000,
    fromMs: noon - 185 * 60_000,
    channels: {
      temperature: [[noon, 1, 21.5, 0, 21.5, 21.5]],
      door: [[noon, 1, 1, 0, 1, 1]],
    },
  });
  assert.deepEqual(node.ask(s1, "minutePanes"), {
    isKept: false,
    stepMs: 60_000,
    fromMs: noon - 60 * 60_000,
    channels: {
      temperature: [[noon, 1, 21.5, 0, 21.5, 21.5]],
      door: [[noon, 1, 1, 0, 1, 1]],
    },
  });
  assert.deepEqual(Object.keys(Channels.parse(node.ask(s1, "state"))), [
    "channels",
    "firstTs",
    "lastTs",
    "late",
    "duplicates",
    "tooOld",
    "memoryBytes",
    "recovered",
  ]);
});

Deno.test("two pools keep their sensors apart", () => {
  const pools = [new SlabPool(), new SlabPool()];
  const [one, other] = pools.map((pool) => sensorDefinition(pool));
  const state = one!.state.create("s1");
  one!.receive(state, [noon, null, 0, "a", 1], stubContext(noon));
  other!.state.create("s1");
  assert.ok(pools[0]!.usedBytes > pools[1]!.usedBytes);
});

Deno.test("a sensor counts recoveries, shows them in its answers, and has them after a restart", () => {
  const rig = new Rig();
  const tell = (timeMs: number | null, nowMs: number) =>
    rig.definition.receive(rig.state, recoveredAt(timeMs), stubContext(nowMs, rig.deadLetters));
  const Shown = z.looseObject({ recovered: z.object({ count: z.number(), last: z.number().nullable() }) });
  const shown = () => {
    const { state, windows } = rig.definition.queries;
    const answers = [state!, windows!].map(({ arguments: args, answer }) =>
      Shown.parse(answer(rig.state, args.parse({}) as never, { id: "s1", nowMs: 0 })).recovered
    );
    assert.deepEqual(answers[0], answers[1]);
    return answers[0];
  };
  assert.deepEqual(shown(), { count: 0, last: null });
  tell(5000, 10_000);
  tell(null, 10_000);
  tell(7000, 10_000);
  tell(10_000 + maxAheadMs + 1, 10_000);
  assert.deepEqual(rig.deadLetters.map(({ reason }) => reason), ["too-far-ahead"]);
  rig.checkpoint(10_000);
  rig.restore();
  assert.deepEqual(shown(), { count: 3, last: 10_000 });
  assert.deepEqual(rig.state.channels, []);
});

Deno.test("a sensor that was stored before there were recoveries has had none", () => {
  const rig = new Rig();
  rig.send({ ts: 5000, seq: 1, values: { t: 1 }, isImport: false, nowMs: 10_000 });
  rig.checkpoint(10_000, "never");
  const state = rig.definition.state.decode("s1", 2, new ByteReader(rig.hot), null);
  assert.equal(state.recoveredCount, 0);
  assert.equal(state.channels.length, 1);
  state.release();
});
