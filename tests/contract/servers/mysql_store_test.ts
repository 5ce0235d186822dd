/** The contract of port `Store` on MySQL, and what a random run of it comes to beside the one in memory. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore } from "../../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../../runtime/store/memory_store_core.ts";
import { commitsPerKeyRow } from "../../../runtime/store/limits.ts";
import type { Store } from "../../../runtime/store/port.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { dropDatabase, emptied, newDatabase, openStore, storeOf, withConnection } from "./mysql_databases.ts";
import { storeContract } from "../store_contract.ts";
import { commitAll } from "../store_tests.ts";
import {
  actorRows,
  checkpoint,
  type CheckpointParts,
  deadLetter,
  shardCount,
  textOf,
} from "../store_fixtures.ts";

/** A small world, so that the commits meet each other's rows. */
const ids = ["a", "B", "é", "😀"];
const commitParts: fc.Arbitrary<CheckpointParts> = fc.record({
  actors: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...ids),
      hot: fc.string({ maxLength: 20 }),
      cold: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }),
      dueMs: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    }).map(({ cold, dueMs, ...actor }) => ({
      ...actor,
      ...(cold === undefined ? {} : { cold }),
      ...(dueMs === undefined ? {} : { dueMs }),
    })),
    { selector: ({ id }) => id },
  ),
  history: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...ids),
      startMs: fc.integer({ min: 0, max: 4 }),
      part: fc.constant(0),
      row: fc.string({ maxLength: 20 }),
    }),
    { selector: ({ id, startMs }) => `${startMs} ${id}`, maxLength: 6 },
  ),
  deadLetters: fc.uniqueArray(
    fc.record({ id: fc.constantFrom("x", "y", "z"), replays: fc.nat(3), atMs: fc.nat(9) }),
    { selector: ({ id }) => id },
  ).map((letters) => letters.map(({ id, replays, atMs }) => deadLetter(id, { replays, atMs }))),
  replayed: fc.uniqueArray(
    fc.record({ id: fc.constantFrom("x", "y"), replays: fc.nat(4), atMs: fc.nat(9) }),
    { selector: ({ id }) => id },
  ),
  requestsDone: fc.uniqueArray(fc.integer({ min: 1, max: 4 })),
  keysBeforeMs: fc.nat(5),
});

async function everything(store: Store): Promise<unknown> {
  const actors = ids.map((id) => ({ kind: "sensor", id }));
  const histories = await Promise.all(
    actors.map((actor) => store.history(actor, { stepMs: 60_000, fromMs: 0, toMs: 9, limit: 99 })),
  );
  return {
    loaded: actorRows(await store.load(0, actors)),
    due: await store.due(0, 0, 3),
    listed: await store.list("sensor", "B", 2),
    counted: await store.countActors(),
    histories: histories.map((rows) => rows.map(({ startMs, part, row }) => [startMs, part, textOf(row)])),
    letters: await store.deadLetters({ after: null, limit: 2 }),
    afterY: await store.deadLetters({ after: "y", limit: 2 }),
  };
}

if (!skipUnlessServed("The store on MySQL", ["mysql"])) {
  const settings = newDatabase();
  Deno.test.afterAll(() => dropDatabase(settings));

  storeContract("MySqlStore", () => storeOf(settings));

  Deno.test("MySqlStore joins the keys of many checkpoints into few rows", async () => {
    const commits = 3 * commitsPerKeyRow;
    const parts = Array.from(
      { length: commits },
      (_, n) => ({ keys: { atMs: n, hashes: new Uint8Array(8) } }),
    );
    const store = await openStore(settings);
    try {
      await commitAll(store, ...parts);
      const select = "SELECT count(*) AS n FROM idempotency_keys";
      const rows = await withConnection(settings, (connection) => connection.rows(select), settings.database);
      assert.equal(Number(rows[0]!.n), 3);
    } finally {
      await store.close();
      await emptied(settings);
    }
  });

  Deno.test("MySqlStore answers as the store in memory does after random commits", async () => {
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(commitParts, { minLength: 1, maxLength: 6 }), async (commits) => {
          // Opening makes the tables, if they are not there, and what emptying takes away.
          await (await openStore(settings)).close();
          await emptied(settings);
          const [tables, memory] = [
            await openStore(settings),
            new MemoryStore(new MemoryStoreCore(shardCount)),
          ];
          for (const one of [tables, memory]) {
            const claim = await one.claim(0, "a");
            for (const [index, part] of commits.entries()) {
              const extra = {
                requests: [{ n: index + 1, kind: "sensor", id: "a", service: "s", body: "1", dueMs: 1 }],
                keys: { atMs: index, hashes: new Uint8Array(8).fill(index) },
                requestsDone: part.requestsDone!.filter((n) => n <= index),
              };
              const made = checkpoint({ ...claim, commit: index }, { ...part, ...extra });
              assert.deepEqual(await one.commit([made]), ["committed"]);
            }
          }
          assert.deepEqual(await everything(tables), await everything(memory));
          const [claimed, expected] = [await tables.claim(0, "b"), await memory.claim(0, "b")];
          assert.deepEqual(
            { ...claimed, keys: [...claimed.keys] },
            { ...expected, keys: [...expected.keys] },
          );
          const expired = [await tables.expireHistory(3, 99), await tables.expireDeadLetters(5, 1)];
          assert.deepEqual(expired, [
            await memory.expireHistory(3, 99),
            await memory.expireDeadLetters(5, 1),
          ]);
          assert.deepEqual(await everything(tables), await everything(memory));
          await tables.close();
        }),
        { numRuns: 15 },
      );
    } finally {
      await emptied(settings);
    }
  });
}
