import assert from "node:assert/strict";
import { RateMeter } from "../../actors/rate_meter.ts";

const looks = [
  { name: "the growth a second", total: 1500, atMs: 2000, expected: 1000 },
  { name: "the same after a longer interval", total: 4500, atMs: 5000, expected: 1000 },
  { name: "0 when nothing was added since the last look", total: 4500, atMs: 6000, expected: 0 },
  { name: "0 when the total went down", total: 10, atMs: 7000, expected: 0 },
  { name: "0 when no time has passed", total: 20, atMs: 7000, expected: 0 },
];

Deno.test("perSecond() is over the interval since the last look", () => {
  const meter = new RateMeter(500, 1000);
  for (const { name, total, atMs, expected } of looks) {
    assert.equal(meter.perSecond(total, atMs), expected, name);
  }
});
