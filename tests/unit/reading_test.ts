import assert from "node:assert/strict";
import fc from "fast-check";
import { parseReading, Reading } from "../../actors/sensors/reading.ts";
import { sensorMessageType } from "../../actors/sensors/sensor.ts";
import { parseRfc3339 } from "../../actors/sensors/timestamp.ts";

Deno.test("parseReading() reads the general form and the panels' form", () => {
  const cases: readonly (readonly [unknown, string, unknown])[] = [
    [{ id: "s1", values: { temperature: 21.5, door: true } }, "s1", [
      null,
      null,
      0,
      "temperature,door",
      21.5,
      true,
    ]],
    [{ id: 42959, ts: 1000, seq: 0, values: { a: 1 } }, "42959", [1000, 0, 0, "a", 1]],
    [{ id: "s1", ts: "2026-01-31T13:00:00.5+01:00", values: { a: 1 } }, "s1", [
      Date.UTC(2026, 0, 31, 12, 0, 0, 500),
      null,
      0,
      "a",
      1,
    ]],
    [
      { id: "p", movement: "true", smoke: false, temperature: "25.5", max_temperature: "-1e1" },
      "p",
      [null, null, 0, "movement,smoke,temperature,max_temperature", true, false, 25.5, -10],
    ],
    [{ id: "p", temperature: 3, seq: 9 }, "p", [null, 9, 0, "temperature", 3]],
  ];
  for (const [item, id, message] of cases) assert.deepEqual(parseReading(item), { ok: true, id, message });
  assert.deepEqual(parseReading({ id: "s", values: { a: 1 } }, true), {
    ok: true,
    id: "s",
    message: [null, null, 1, "a", 1],
  });
});

Deno.test("parseReading() says in a sentence what is wrong", () => {
  const cases: readonly (readonly [unknown, string | RegExp])[] = [
    [null, "A reading is an object, not null"],
    [[], "A reading is an object, not []"],
    [{ values: { a: 1 } }, /id is missing/],
    [{ id: "", values: { a: 1 } }, /An id must not be empty/],
    [{ id: "x".repeat(10_000), values: { a: 1 } }, /at most 1024 bytes of UTF-8; this one has 10000/],
    [{ id: 1.5, values: { a: 1 } }, "id is 1.5: a text or a whole number is needed"],
    [
      { id: "s", values: { temperature: "hot" } },
      'values.temperature is "hot": a number or true/false is needed',
    ],
    [
      { id: "s", values: { temperature: null } },
      "values.temperature is null: a number or true/false is needed",
    ],
    [{ id: "s", values: {} }, "values has 0 channels: 1 to 64 are needed"],
    [{ id: "s", values: 5 }, "values is 5: an object of numbers and true/false is needed"],
    [{ id: "s", values: { "a b": 1 } }, /values has the channel "a b"/],
    [
      { id: "s", values: { a: 1 }, unit: "C" },
      /"unit" is no field of this form; known are id, ts, seq, values/,
    ],
    [{ id: "s", values: { a: 1 }, smoke: true }, /"smoke" is no field/],
    [{ id: "s", heat: 5 }, /"heat" is no field of this form; known are id, ts, seq, movement/],
    [{ id: "s", smoke: "yes" }, 'smoke is "yes": true or false is needed'],
    [{ id: "s", smoke: 1 }, "smoke is 1: true or false is needed"],
    [{ id: "s", temperature: "NaN" }, 'temperature is "NaN": a number is needed'],
    [{ id: "s", temperature: "1e999" }, 'temperature is "1e999": a number is needed'],
    [{ id: "s", temperature: true }, "temperature is true: a number is needed"],
    [{ id: "s" }, /There is no value/],
    [{ id: "s", ts: "yesterday", values: { a: 1 } }, /ts is "yesterday": epoch milliseconds or RFC 3339/],
    [{ id: "s", ts: -1, values: { a: 1 } }, /ts is -1/],
    [{ id: "s", ts: 1.5, values: { a: 1 } }, /ts is 1.5/],
    [{ id: "s", seq: 2 ** 53, values: { a: 1 } }, /seq is 9007199254740992: a whole number from 0/],
  ];
  for (const [item, expected] of cases) {
    const parsed = parseReading(item);
    assert.ok(!parsed.ok, JSON.stringify(item));
    if (typeof expected === "string") assert.equal(parsed.sentence, expected);
    else assert.match(parsed.sentence, expected);
    assert.equal(Reading.safeParse(item).success, false);
  }
});

const scalar = fc.oneof(
  fc.double(),
  fc.boolean(),
  fc.constantFrom(
    null,
    "true",
    "false",
    "True",
    "25.5",
    ".5",
    "5.",
    "+1",
    "1e3",
    "1e999",
    "-",
    "",
    "0x10",
    " 1",
    {},
    [],
  ),
);
const values = fc.oneof(
  fc.dictionary(fc.constantFrom("a", "b", "__proto__", "_c"), fc.oneof(fc.boolean(), fc.integer()), {
    maxKeys: 3,
  }),
  fc.dictionary(fc.string({ maxLength: 2 }), scalar, { maxKeys: 3 }),
  scalar,
);
const id = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constantFrom("s1", "", "\u0007", "\udc00", "é".repeat(512), "é".repeat(513), 1.5, null, 2 ** 53, -0),
);
const ts = fc.oneof(
  fc.nat(),
  fc.constantFrom(
    -1,
    8.64e15,
    8.64e15 + 2,
    "2026-01-31T12:00:00Z",
    "2026-02-29T12:00:00Z",
    "12:00",
    null,
    0.5,
  ),
);
const seq = fc.oneof(fc.nat(), fc.constantFrom(-1, 0.5, "1", null, 2 ** 53 - 1, 2 ** 53));
const anyReading = fc.oneof(
  fc.record({ id, ts, seq, values }, { requiredKeys: ["values"] }),
  fc.record({ id: fc.constant("s"), values }),
  fc.record({
    id: fc.nat(),
    ts,
    seq,
    movement: scalar,
    smoke: scalar,
    temperature: scalar,
    max_temperature: scalar,
  }, {
    requiredKeys: ["id"],
  }),
  fc.record({ id: fc.nat(), temperature: scalar, movement: scalar }, { requiredKeys: ["id"] }),
  fc.record({ id, values, smoke: scalar, other: scalar }, { requiredKeys: [] }),
  fc.jsonValue(),
);

Deno.test("parseReading() and Reading have the same verdict, and a message that the sensor accepts", () => {
  let accepted = 0;
  fc.assert(
    fc.property(anyReading, (near) => {
      const value = JSON.parse(JSON.stringify(near));
      const parsed = parseReading(value);
      assert.equal(parsed.ok, Reading.safeParse(value).success, JSON.stringify(value));
      if (!parsed.ok) return;
      assert.ok(sensorMessageType.accepts(parsed.message));
      accepted++;
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 300, `${accepted} accepted`);
});

Deno.test("parseReading() and Reading refuse an own key __proto__", () => {
  for (
    const text of [
      '{"id": "s", "values": {"a": 1}, "__proto__": 1}',
      '{"id": "s", "values": {"a": 1, "__proto__": 1}}',
    ]
  ) {
    assert.equal(parseReading(JSON.parse(text)).ok, false, text);
    assert.equal(Reading.safeParse(JSON.parse(text)).success, false, text);
  }
});

Deno.test("parseRfc3339() reads what section 5.6 allows, and no other text", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["1970-01-01T00:00:00Z", 0],
    ["2026-01-31T12:00:00.123456Z", Date.UTC(2026, 0, 31, 12, 0, 0, 123)],
    ["2026-01-31t12:00:00z", Date.UTC(2026, 0, 31, 12)],
    ["2026-01-31 12:00:00+00:00", Date.UTC(2026, 0, 31, 12)],
    ["2026-01-31T00:30:00+01:30", Date.UTC(2026, 0, 30, 23)],
    ["2026-01-31T12:00:00-05:00", Date.UTC(2026, 0, 31, 17)],
    ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1)],
    ["2026-02-29T00:00:00Z", null],
    ["2026-13-01T00:00:00Z", null],
    ["2026-01-31T24:00:00Z", null],
    ["2026-01-31T12:60:00Z", null],
    ["2026-01-31T12:00:00", null],
    ["2026-01-31", null],
    ["2026-01-31T12:00Z", null],
    ["2026-01-31T12:00:00+25:00", null],
    ["1969-12-31T23:59:59Z", null],
    ["0099-01-01T00:00:00Z", null],
    ["", null],
  ];
  for (const [text, expected] of cases) assert.equal(parseRfc3339(text), expected, text);
});
