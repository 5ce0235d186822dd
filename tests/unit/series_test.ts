import assert from "node:assert/strict";
import fc from "fast-check";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import { parseSample, Sample, seriesId } from "../../actors/series/sample.ts";
import { keepsMinutes } from "../../actors/series/selection.ts";
import { seriesDefinition, seriesMessageType } from "../../actors/series/series.ts";
import { ByteWriter } from "../../runtime/core/bytes.ts";
import { type DeadLettered, stubContext } from "./window_rig.ts";

const noon = Date.UTC(2026, 0, 31, 12);

Deno.test("seriesId() sorts labels and escapes their values", () => {
  assert.equal(seriesId("up"), "up");
  assert.equal(seriesId("up", {}), "up");
  assert.equal(seriesId("http", { method: "get", code: "200" }), 'http{code="200",method="get"}');
  assert.equal(seriesId("x", { "a-b": "1", "a.b": "2", 'q"\\': "3" }), 'x{"a-b"="1",a.b="2","q\\"\\\\"="3"}');
  assert.equal(seriesId("x", { path: 'C:\\a "b"\n' }), 'x{path="C:\\\\a \\"b\\"\\n"}');
});

Deno.test("seriesId() gives different series different ids", () => {
  const labels = fc.dictionary(fc.stringMatching(/^[a-c]{1,2}$/), fc.string({ maxLength: 4 }));
  fc.assert(fc.property(labels, labels, (a, b) => {
    const same = JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
    assert.equal(seriesId("n", a) === seriesId("n", b), same);
  }));
});

Deno.test("parseSample() reads both forms", () => {
  assert.deepEqual(parseSample({ name: "up", labels: { job: "a" }, value: 1 }), {
    ok: true,
    id: 'up{job="a"}',
    message: [null, null, 1],
  });
  assert.deepEqual(parseSample({ id: 7, ts: "1970-01-01T00:00:01Z", seq: 3, value: true }, true), {
    ok: true,
    id: "7",
    message: [1000, 3, true, 1],
  });
});

Deno.test("parseSample() says in a sentence what is wrong", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [5, /A sample is an object, not 5/],
    [{ value: 1 }, /Neither id nor name/],
    [{ id: "a", name: "b", value: 1 }, /one of them/],
    [{ id: "a", labels: {}, value: 1 }, /labels go with name/],
    [{ name: "a{", value: 1 }, /name is "a\{"/],
    [{ name: "a", labels: { "__a": "x" }, value: 1 }, /labels has "__a"/],
    [{ name: "a", labels: { "": "x" }, value: 1 }, /labels has ""/],
    [{ name: "a", labels: { "a\n": "x" }, value: 1 }, /labels has "a\\n"/],
    [{ name: "a", labels: { x: 1 }, value: 1 }, /labels\.x is 1: a text is needed/],
    [{ name: "a", labels: { x: "y".repeat(1100) }, value: 1 }, /at most 1024 bytes/],
    [{ id: "a", value: "hot" }, /value is "hot": a number or true\/false is needed/],
    [{ id: "a" }, /value is missing/],
    [{ id: "a", value: 1, unit: "C" }, /"unit" is no field/],
  ];
  for (const [item, expected] of cases) {
    const parsed = parseSample(item);
    assert.ok(!parsed.ok);
    assert.match(parsed.sentence, expected);
  }
});

Deno.test("parseSample() and Sample have the same verdict", () => {
  const text = fc.constantFrom("a", "", "a{", "up_1", "__proto__", "x".repeat(1025), "\u0000", "\ud800");
  const item = fc.record({
    id: fc.oneof(text, fc.integer(), fc.double()),
    name: fc.oneof(text, fc.integer()),
    labels: fc.oneof(
      fc.dictionary(
        fc.constantFrom("a", "b1", "1", "é", "a-b", "", "\n", "\ud800", "__a", "__proto__"),
        fc.oneof(text, fc.integer()),
      ),
      text,
    ),
    ts: fc.oneof(
      fc.nat(),
      fc.double(),
      fc.constantFrom("2026-01-31T12:00:00Z", "2026-02-30T12:00:00Z", null),
    ),
    seq: fc.oneof(fc.nat(), fc.double(), fc.constantFrom("1", null)),
    value: fc.oneof(fc.double(), fc.boolean(), text),
    other: fc.constant(1),
  }, { requiredKeys: [] });
  const likely = fc.record({
    name: fc.constantFrom("up", "a:b"),
    labels: fc.dictionary(fc.constantFrom("a", "b1"), text, { maxKeys: 2 }),
    seq: fc.nat(),
    value: fc.oneof(fc.double(), fc.boolean()),
  }, { requiredKeys: ["name", "value"] });
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.oneof(likely, item, item.map(({ id: _, other: __, ...rest }) => rest), fc.jsonValue()),
      (near) => {
        const value = JSON.parse(JSON.stringify(near));
        const parsed = parseSample(value);
        assert.equal(parsed.ok, Sample.safeParse(value).success, JSON.stringify(value));
        if (!parsed.ok) return;
        assert.ok(seriesMessageType.accepts(parsed.message));
        accepted++;
      },
    ),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 50, `${accepted} accepted`);
});

Deno.test("a series folds samples into its channel `value`", () => {
  const definition = seriesDefinition(new SlabPool());
  const state = definition.state.create("up");
  const deadLetters: DeadLettered[] = [];
  const context = stubContext(noon, deadLetters);
  definition.receive(state, [noon, 1, 0.5], context);
  definition.receive(state, [noon, 1, 9], context);
  definition.receive(state, [null, 2, 1.5], context);
  definition.receive(state, [noon - 90_000_000, null, 4], context);
  definition.receive(state, [noon - 90_000_000, null, 4, 1], context);
  definition.receive(state, [noon + 900_000, null, 7], context);
  const { total, channels } = answerWindows(state, noon, null);
  assert.deepEqual(total, { value: { count: 4, sum: 10 } });
  assert.deepEqual([channels["value"]!["1h"]!.count, channels["value"]!["1h"]!.mean], [2, 1]);
  const { late, duplicates } = answerState(state);
  assert.deepEqual([late.count, late.recent, duplicates], [1, [{
    ts: noon - 90_000_000,
    values: { value: 4 },
  }], 1]);
  assert.equal(deadLetters.length, 1);
});

Deno.test("keepsMinutes() selects the host's own metrics alone", () => {
  const selected = ["host_cpu_percent", 'host_load{period="1m"}'];
  assert.deepEqual(
    [...selected, "up", "ghost_load", "hostname", 'up{a="host_"}'].filter(keepsMinutes),
    selected,
  );
});

Deno.test("a series puts rows of one-minute panes, if it is selected", () => {
  const definition = seriesDefinition(new SlabPool());
  const stepsOf = (id: string) => {
    const steps: number[] = [];
    const history = { put: (stepMs: number) => void steps.push(stepMs), add() {} };
    const state = definition.state.create(id);
    definition.receive(state, [noon, null, 0.5], stubContext(noon));
    definition.state.cold!.encode(state, new ByteWriter(), history, noon);
    return steps;
  };
  assert.deepEqual(stepsOf("host_load"), [300_000, 60_000]);
  assert.deepEqual(stepsOf("load"), [300_000]);
});
