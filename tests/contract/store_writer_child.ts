/**
 * A process that commits until it is killed: `store_writer_child.ts PATH`. It prints "shard commit" for every
 * acknowledged commit. Commit c of a shard writes c into every row it touches.
 */

import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { checkpoint, shardCount } from "./store_fixtures.ts";

/** Rows of one commit: enough for many pages, so that a half-written one would show. */
export const actorsPerCommit = 50;

function numbered(shard: number, commit: number) {
  const ids = Array.from({ length: actorsPerCommit }, (_, index) => `${shard}-${index}`);
  return {
    positions: { mailbox: { offset: commit, index: 0 } },
    actors: ids.map((id) => ({
      id,
      hot: String(commit).padEnd(400, "."),
      cold: String(commit).padEnd(900, "."),
    })),
    outbox: [{ target: 0, n: commit, text: String(commit) }],
    outboxDone: [{ target: 0, n: commit - 1 }],
    history: [{ id: `${shard}-0`, startMs: 0, part: commit, row: String(commit) }],
  };
}

async function writeForever(path: string): Promise<never> {
  const store = new SqliteStore({ path, shards: shardCount });
  const claims = await Promise.all(
    Array.from({ length: shardCount }, (_, shard) => store.claim(shard, "child")),
  );
  const encoder = new TextEncoder();
  for (let round = 0;; round++) {
    const batch = claims.map((claim) => {
      const commit = claim.commit + round;
      return checkpoint({ ...claim, commit }, numbered(claim.shard, commit + 1));
    });
    await store.commit(batch);
    const lines = batch.map(({ shard, commit }) => `${shard} ${commit}\n`).join("");
    Deno.stdout.writeSync(encoder.encode(lines));
  }
}

if (import.meta.main) await writeForever(Deno.args[0]!);
