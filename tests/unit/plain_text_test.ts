import assert from "node:assert/strict";
import fc from "fast-check";
import { isPlainId, plainDecimal } from "../../actors/sensors/plain_text.ts";
import { idProblem } from "../../runtime/core/registry.ts";

Deno.test("plainDecimal() is null or exactly what Number() says of the text", () => {
  const texts = fc.oneof(
    fc.stringMatching(/^-?[0-9]{0,12}\.?[0-9]{0,12}$/),
    fc.double({ noNaN: true }).map(String),
    fc.string(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const value = plainDecimal(text);
      if (value !== null) {
        assert.ok(Object.is(value, Number(text)), `${text} is ${Number(text)}, not ${value}`);
      }
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("plainDecimal() reads what sensors send and leaves the rest", () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ["21.5", 21.5],
    ["-0.1", -0.1],
    ["50", 50],
    ["-0", -0],
    ["7.", 7],
    [".5", 0.5],
    ["999999999999999", 999_999_999_999_999],
    ["1234567890123456", null],
    ["", null],
    ["-", null],
    [".", null],
    ["-.", null],
    ["+1", null],
    ["1e3", null],
    ["1.2.3", null],
    [" 1", null],
    ["0x10", null],
    ["NaN", null],
  ];
  for (const [text, value] of cases) assert.ok(Object.is(plainDecimal(text), value), text);
});

Deno.test("isPlainId() is true only for ids without a problem", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (id) => {
    if (isPlainId(id)) assert.equal(idProblem(id), null);
  }));
  for (const id of ["sensor-0", "a b", "x".repeat(256)]) assert.ok(isPlainId(id));
  for (const id of ["", "é", "a\n", "x".repeat(257), "\u007f"]) assert.ok(!isPlainId(id));
});
