/** Records of `ENTRY` and `OK`: `actors/sources/records.ts`. */

import assert from "node:assert/strict";
import { maxRecordBytes, parseRecord, readers, type RecordForm } from "../../actors/sources/records.ts";
import { sensorMessageType } from "../../actors/sensors/sensor.ts";

function parse(form: RecordForm, value: string | Uint8Array | null): unknown[][] {
  const found: unknown[][] = [];
  parseRecord(form, typeof value === "string" ? new TextEncoder().encode(value) : value, {
    message: (id, message) => {
      assert.ok(sensorMessageType.accepts(message) && sensorMessageType.schema.safeParse(message).success);
      found.push([id, message]);
    },
    refused: (reason, detail, beginning) => found.push([reason, detail, beginning]),
  });
  return found;
}

Deno.test("parseRecord() reads readings as HTTP does, one or several, and recoveries", () => {
  assert.deepEqual(parse("reading", '{"id":"a","ts":1,"values":{"t":2.5}}'), [["a", [1, null, 0, "t", 2.5]]]);
  const panels = '[{"id":7,"smoke":"true"},{"id":"b"},{"id":"c","seq":3,"temperature":"1.5"}]';
  assert.deepEqual(parse("reading", panels).map(([first]) => first), ["7", "invalid", "c"]);
  assert.deepEqual(parse("recovery", '{"id":"a"}'), [["a", ["recovered", null]]]);
  assert.deepEqual(parse("recovery", '{"id":7,"ts":"1970-01-01T00:00:01Z"}'), [["7", ["recovered", 1000]]]);
});

Deno.test("parseRecord() refuses what is no message, with the beginning of the record", () => {
  const cases: readonly [RecordForm, string | Uint8Array | null, reason: string, detail: RegExp][] = [
    ["reading", null, "malformed", /has no value/],
    ["reading", "{", "malformed", /not JSON/],
    ["reading", Uint8Array.of(0x22, 0xff, 0x22), "malformed", /not UTF-8/],
    ["reading", "[".repeat(20_000), "malformed", /nested more than/],
    ["reading", '{"values":{"t":1}}', "invalid", /id is missing/],
    ["reading", '{"id":"","values":{"t":1}}', "invalid", /must not be empty/],
    ["reading", '{"id":"a","values":{"t":"x"}}', "invalid", /values.t is "x"/],
    ["reading", `"${"x".repeat(2_000_000)}"`, "too-large", /2000002 bytes; 524288 are the most/],
    ["recovery", "7", "invalid", /A recovery is an object, not 7/],
    ["recovery", '{"id":"a","ts":"soon"}', "invalid", /ts is "soon"/],
    ["recovery", '{"id":"a","why":1}', "invalid", /"why" is no field/],
    ["recovery", "{}", "invalid", /id is missing/],
  ];
  for (const [form, value, reason, detail] of cases) {
    const found = parse(form, value);
    assert.equal(found.length, 1);
    const [foundReason, foundDetail, beginning] = found[0]!;
    assert.equal(foundReason, reason);
    assert.match(String(foundDetail), detail);
    assert.ok(String(beginning).length <= 1000);
    if (typeof value === "string") assert.ok(value.startsWith(String(beginning)) && beginning !== "");
  }
  assert.equal(maxRecordBytes, 524_288);
});

/** As `parse`, of a record that is folded directly. */
function read(form: RecordForm, value: string): unknown[][] {
  const found: unknown[][] = [];
  readers[form](value, {
    message: (kind, id, message) => {
      assert.equal(kind, "sensor");
      found.push([id, message]);
    },
    refuse: (reason, detail) => found.push([reason, detail]),
  });
  return found;
}

Deno.test("readers say of a record what parseRecord() says, whichever way it comes", () => {
  const texts = [
    '{"id":"a","ts":1,"values":{"t":2.5}}',
    '[{"id":7,"smoke":"true"},{"id":"b"},{"id":"c","seq":3}]',
    '{"id":"a","ts":"1970-01-01T00:00:01Z"}',
    "{",
    "7",
    "[]",
    "[".repeat(20_000),
    `"${"é".repeat(300_000)}"`,
  ];
  for (const form of ["reading", "recovery"] as const) {
    for (const text of texts) {
      assert.deepEqual(
        read(form, text),
        parse(form, text).map((found) => found.slice(0, 2)),
        text.slice(0, 50),
      );
    }
  }
});
