import assert from "node:assert/strict";
import type { Json } from "../../runtime/core/actor.ts";
import { Registry } from "../../runtime/core/registry.ts";
import { counters, definitions } from "../../actors/definitions.ts";
import { ShardDriver } from "./shard_driver.ts";

const noonMs = Date.UTC(2026, 0, 31, 12);
const dayMs = 86_400_000;

Deno.test("counters() counts late readings and repeated numbers by kind, imports not", () => {
  const driver = new ShardDriver(new Registry(definitions()));
  driver.start();
  const reading = (value: Json, ts: number, seq: number | null) =>
    [["sensor", "a", [ts, seq, 0, "value", value]], ["series", "a", [ts, seq, value]]] as const;
  const before = Object.fromEntries(Object.entries(counters()).map(([name, { value }]) => [name, value]));
  driver.append(noonMs, ...reading(1, noonMs, 1), ...reading(2, noonMs, 1), ...reading(2, noonMs, 2));
  driver.append(noonMs, ...reading(3, noonMs - dayMs, null), ["sensor", "a", [noonMs, 2, 0, "value", 2]]);
  driver.append(noonMs, ["sensor", "a", [noonMs - dayMs, null, 1, "value", 4]]);
  driver.settle();
  const counted = Object.fromEntries(
    Object.entries(counters()).map(([name, { value }]) => [name, value - before[name]!]),
  );
  assert.deepEqual(counted, { sensor_late: 1, sensor_duplicates: 2, series_late: 1, series_duplicates: 1 });
});
