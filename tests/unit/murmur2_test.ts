import assert from "node:assert/strict";
import { murmur2, shardOf } from "../../runtime/core/murmur2.ts";

// Vectors of Kafka's own test, org.apache.kafka.common.utils.UtilsTest#testMurmur2.
const published: readonly (readonly [string, number])[] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

Deno.test("murmur2() gives the published value for each published text", () => {
  for (const [text, hash] of published) assert.equal(murmur2(new TextEncoder().encode(text)), hash, text);
});

Deno.test("shardOf() is the positive hash modulo the shards when the id is ASCII, other Unicode or long", () => {
  for (const id of ["21", "foobar", "Wärmefühler", "温度", "🌡️", "x".repeat(1024), "é".repeat(512)]) {
    const hash = murmur2(new TextEncoder().encode(id));
    assert.equal(shardOf(id, 8), (hash & 0x7fffffff) % 8, id);
  }
});
