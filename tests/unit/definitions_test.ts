import assert from "node:assert/strict";
import type { Json } from "../../runtime/core/actor.ts";
import { TestNode } from "../../runtime/testkit.ts";
import { counters, definitions } from "../../actors/definitions.ts";

const noonMs = Date.UTC(2026, 0, 31, 12);
const dayMs = 86_400_000;

Deno.test("counters() counts late readings, repeated numbers and too old ones by kind, imports not", () => {
  const node = new TestNode({ definitions, startMs: noonMs });
  const send = (value: Json, ts: number, seq: number | null) => {
    node.send({ kind: "sensor", id: "a" }, [ts, seq, 0, "value", value]);
    node.send({ kind: "series", id: "a" }, [ts, seq, value]);
  };
  const before = Object.fromEntries(Object.entries(counters()).map(([name, { value }]) => [name, value]));
  for (const [value, seq] of [[1, 1], [2, 1], [2, 2], [5, 500], [1, 1]] as const) send(value, noonMs, seq);
  send(3, noonMs - dayMs, null);
  node.send({ kind: "sensor", id: "a" }, [noonMs, 500, 0, "value", 2]);
  node.send({ kind: "sensor", id: "a" }, [noonMs - dayMs, null, 1, "value", 4]);
  node.run();
  const counted = Object.fromEntries(
    Object.entries(counters()).map(([name, { value }]) => [name, value - before[name]!]),
  );
  assert.deepEqual(counted, {
    sensor_late: 1,
    sensor_duplicates: 2,
    sensor_too_old: 1,
    series_late: 1,
    series_duplicates: 1,
    series_too_old: 1,
    series_anomalies: 0,
    series_unrated: 0,
  });
  node.expectNoDeadLetters();
});

Deno.test("sensors and series survive a node that is lost, and are what their log says", () => {
  const node = new TestNode({ definitions, startMs: noonMs });
  const windows = () =>
    ["sensor", "series"].map((kind) => node.ask({ kind, id: "a" }, "windows", { at: noonMs + dayMs / 24 }));
  for (let minute = 0; minute < 60; minute++) {
    node.send({ kind: "sensor", id: "a" }, [null, minute, 0, "one,two", minute / 8, minute % 7 === 0]);
    node.send({ kind: "series", id: "a" }, [null, minute, minute / 8]);
    node.advance(59_500);
    if (minute % 7 === 0) node.killHost();
    node.advance(500);
  }
  const before = windows();
  node.loseNode();
  assert.deepEqual(windows(), before);
  node.expectReplays();
  node.expectNoDeadLetters();
});
