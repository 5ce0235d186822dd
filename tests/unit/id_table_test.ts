import assert from "node:assert/strict";
import fc from "fast-check";
import { IdTable } from "../../runtime/core/id_table.ts";

const step = fc.oneof(
  fc.record({ type: fc.constant("add" as const), id: fc.integer({ min: 0, max: 300 }) }),
  fc.record({ type: fc.constant("sweep" as const), id: fc.integer({ min: 2, max: 9 }) }),
);

Deno.test("IdTable finds what a Map finds when values are added and swept away", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
    const table = new IdTable<{ readonly id: string }>();
    const model = new Map<string, { readonly id: string }>();
    for (const { type, id } of steps) {
      if (type === "add" && !model.has(`actor-${id}`)) {
        const value = { id: `actor-${id}` };
        table.add(value);
        model.set(value.id, value);
      } else if (type === "sweep") {
        table.sweep(1, (value) => {
          if (value.id.length % id === 0) return "keep";
          model.delete(value.id);
          return "delete";
        });
      }
      assert.equal(table.size, model.size);
    }
    for (let id = 0; id <= 300; id++) assert.equal(table.get(`actor-${id}`), model.get(`actor-${id}`));
  }));
});

Deno.test("IdTable.sweep() goes on where the last one stopped", () => {
  const table = new IdTable<{ readonly id: string }>();
  for (let n = 0; n < 100; n++) table.add({ id: `x${n}` });
  const seen = new Set<string>();
  for (let round = 0; round < 10; round++) {
    let left = 10;
    table.sweep(1, ({ id }) => {
      if (left-- === 0) return "stop";
      seen.add(id);
      return "keep";
    });
  }
  assert.equal(seen.size, 100);
});
