import assert from "node:assert/strict";
import { getHeapStatistics } from "node:v8";
import { z } from "zod";
import { ActorTable } from "../../runtime/core/actor_table.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";

const counting = defineActor<{ value: number }, number>({
  kind: "count",
  state: {
    version: 1,
    create: () => ({ value: 0 }),
    encode: (state, hot) => hot.f64(state.value),
    decode: (_id, _version, hot) => ({ value: hot.f64() }),
    bytes: () => 64,
  },
  message: { version: 1, schema: z.number(), accepts: (value): value is number => typeof value === "number" },
  receive: () => {},
  queries: {},
});

Deno.test("create() keeps nothing of the frame that the id is a part of", () => {
  const table = new ActorTable(new Registry([counting]));
  const before = getHeapStatistics().used_heap_size;
  const actors = 2000;
  const frameBytes = 100_000;
  for (let actor = 0; actor < actors; actor++) {
    const frame = `sensor-in-the-attic-${actor} `.padEnd(frameBytes, "sensor-in-the-cellar ");
    table.create(0, frame.slice(0, frame.indexOf(" ")), 1);
  }
  const grownBytes = getHeapStatistics().used_heap_size - before;
  assert.equal(table.count, actors);
  assert.notEqual(table.get(0, "sensor-in-the-attic-1999"), undefined);
  // What was not collected yet is some tens of megabytes; all frames together are 200.
  assert.ok(grownBytes < actors * frameBytes / 2, `${grownBytes} bytes more are in use`);
});

Deno.test("clear() drops some at a time, of every kind, each once, and says when nothing is left", () => {
  const released: number[] = [];
  const kinds = ["one", "two", "three"].map((kind) =>
    defineActor({
      ...counting,
      kind,
      state: { ...counting.state, release: ({ value }: { value: number }) => void released.push(value) },
    })
  );
  const table = new ActorTable(new Registry(kinds));
  for (let n = 0; n < 9; n++) {
    const entry = table.create(n % 3, `a${n}`, 1);
    (entry.state as { value: number }).value = n;
  }
  const rounds: boolean[] = [];
  for (let round = 0; round < 5; round++) rounds.push(table.clear(2));
  assert.deepEqual(rounds, [false, false, false, false, true]);
  assert.deepEqual(released.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([table.count, table.bytes], [0, 0]);
  assert.equal(table.clear(), true);
});
