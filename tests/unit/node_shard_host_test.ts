/** A shard host over logs and stores in memory that fail as the world does. */

import assert from "node:assert/strict";
import type { Checkpoint, CommitResult } from "../../runtime/core/checkpoint.ts";
import { LogError, type MailboxLog } from "../../runtime/log/port.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { type Rig, until, withRig } from "./shard_host_rig.ts";

/** Fails the first `times` calls with `error`, then does `work`. */
function failing<A extends unknown[], R>(
  times: number,
  error: () => Error,
  work: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  let left = times;
  return (...args) => left-- > 0 ? Promise.reject(error()) : work(...args);
}

const unavailable = () => new StoreError("unavailable", "the test says so");

Deno.test("ShardHost posts what its actors ask of services, and asks again for what a claim finds open", () =>
  withRig({}, async (rig) => {
    const requests = () =>
      rig.posted.flatMap((message) => message.type === "request" ? [message.request] : []);
    await rig.send(-1);
    await until("the request", () => requests().length === 1);
    const [request] = requests();
    assert.deepEqual({ ...request, dueMs: 0 }, {
      shard: 0,
      n: 1,
      from: { kind: "counter", id: "a" },
      service: "oracle",
      body: '"less than nothing"',
      dueMs: 0,
    });
    // Another owner has it for a moment.
    rig.core.claimNow(0, "another");
    await rig.send(1);
    await until("the same request once more", () => requests().length === 2);
    assert.deepEqual(requests()[1], request);
  }));

Deno.test("ShardHost answers an ask that waits for frames when they have been folded", () =>
  withRig({}, async (rig) => {
    let end = 0;
    for (let i = 1; i <= 50; i++) end = await rig.send(i);
    assert.equal(await rig.total(end), 1275);
  }));

Deno.test("ShardHost claims and loads in the end when the store is unavailable for a while", () => {
  const core = new MemoryStoreCore(1);
  const store = new MemoryStore(core);
  const faults = {
    claim: failing(3, unavailable, (shard: number, owner: string) => store.claim(shard, owner)),
    load: failing(3, unavailable, store.load.bind(store)),
    commit: store.commit.bind(store),
    due: failing(2, unavailable, store.due.bind(store)),
  };
  return withRig({ store: faults }, async (rig) => {
    assert.equal(await rig.total(await rig.send(5)), 5);
    const failures = await rig.failures();
    assert.equal(failures.get("claim: unavailable"), 3);
    assert.equal(failures.get("load actors: unavailable"), 3);
  });
});

Deno.test("ShardHost repeats the same commit when the store is full, and folds on meanwhile", () => {
  const store = new MemoryStore(new MemoryStoreCore(1));
  const commits: number[] = [];
  let isFull = true;
  const commit = (checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> => {
    commits.push(...checkpoints.map((checkpoint) => checkpoint.commit));
    return isFull ? Promise.reject(new StoreError("full", "the test says so")) : store.commit(checkpoints);
  };
  const faults = {
    claim: store.claim.bind(store),
    load: store.load.bind(store),
    due: store.due.bind(store),
    commit,
  };
  return withRig({ store: faults }, async (rig) => {
    const flushed = rig.flush(await rig.send(1));
    await until("four attempts at the commit", () => commits.length >= 4);
    assert.equal(await rig.total(await rig.send(2)), 3, "it folds while the commit is repeated");
    const notices = rig.posted.flatMap((message) =>
      message.type === "notice" ? [message.notice.message] : []
    );
    assert.deepEqual([...new Set(notices)], [
      "the test says so. Folding goes on meanwhile, and the checkpoints are tried again.",
    ]);
    isFull = false;
    await flushed;
    assert.deepEqual(new Set(commits.slice(0, 4)), new Set([1]));
  });
});

Deno.test("ShardHost folds once when a commit was made though its outcome was unknown", () => {
  const store = new MemoryStore(new MemoryStoreCore(1));
  let lost = 2;
  const commit = async (checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> => {
    const results = await store.commit(checkpoints);
    if (lost-- > 0) throw new StoreError("unknown", "the test lost the answer");
    return results;
  };
  const faults = {
    claim: store.claim.bind(store),
    load: store.load.bind(store),
    due: store.due.bind(store),
    commit,
  };
  return withRig({ store: faults }, async (rig) => {
    await rig.flush(await rig.send(7));
    assert.equal(await rig.total(await rig.send(7)), 14);
  });
});

Deno.test("ShardHost claims its shard again when a commit's outcome cannot be found out", () => {
  const store = new MemoryStore(new MemoryStoreCore(1));
  let claims = 0;
  const faults = {
    claim: (shard: number, owner: string) => (claims += 1, store.claim(shard, owner)),
    load: store.load.bind(store),
    due: store.due.bind(store),
    commit: failing(5, () => new StoreError("unknown", "the test says so"), store.commit.bind(store)),
  };
  return withRig({ store: faults }, async (rig) => {
    await rig.flush(await rig.send(7));
    assert.equal(claims, 2);
    assert.equal(await rig.total(1), 7);
  });
});

Deno.test("ShardHost refuses its shard with a sentence when the store is damaged", () => {
  const claim = () => Promise.reject(new StoreError("corrupt", "page 3 is damaged"));
  return withRig({ store: { claim } }, async (rig) => {
    const isRefused = () =>
      rig.posted.some((message) =>
        message.type === "report" &&
        message.shards.some(({ refusal }) => refusal?.includes("page 3 is damaged"))
      );
    await until("the report of the refusal", isRefused);
    await assert.rejects(rig.host.ask(0, 0, { type: "barrier" }), { code: "refused" });
  });
});

Deno.test("ShardHost reads its log again when the log ends the subscription", () => {
  let subscriptions = 0;
  const log = (base: MailboxLog): Partial<MailboxLog> => ({
    subscribe: (shard, from, deliver, failed) => {
      subscriptions += 1;
      if (subscriptions > 1) return base.subscribe(shard, from, deliver, failed);
      setImmediate(() => failed?.(new LogError("unavailable", "the test says so")));
      return base.subscribe(shard, from, () => {}, failed);
    },
  });
  return withRig({ log }, async (rig) => {
    assert.equal(await rig.total(await rig.send(4)), 4);
    assert.equal(subscriptions, 2);
  });
});

/** A log that says of the first `times` subscriptions that it does not have their offset. */
function missing(times: number, base: MailboxLog): Partial<MailboxLog> {
  const error = () => new LogError("out_of_range", "the log begins at 5.");
  return { subscribe: failing(times, error, base.subscribe.bind(base)) };
}

async function claims(rig: Rig): Promise<number | undefined> {
  const metric = (await rig.host.metrics()).find(({ name }) => name === "sensorium_claims_total");
  return metric?.values[0]?.value;
}

Deno.test("ShardHost claims its shard again when the log no longer has its offset, and goes on", () =>
  withRig({ log: (base) => missing(1, base) }, async (rig) => {
    assert.equal(await rig.total(await rig.send(4)), 4);
    assert.equal(await claims(rig), 2);
  }));

Deno.test("ShardHost refuses its shard when the log does not have its offset after a fresh claim either", () =>
  withRig({ log: (base) => missing(Infinity, base) }, async (rig) => {
    const isRefused = () =>
      rig.posted.some((message) =>
        message.type === "report" &&
        message.shards.some(({ refusal }) =>
          refusal?.endsWith(
            "the log begins at 5. Restore the log, or the store and the log of the same backup.",
          )
        )
      );
    await until("the report of the refusal", isRefused);
    assert.equal(await claims(rig), 2);
  }));

Deno.test("ShardHost claims its shard again when the log trims what a subscription has yet to deliver", () => {
  let subscriptions = 0;
  const log = (base: MailboxLog): Partial<MailboxLog> => ({
    subscribe: (shard, from, deliver, failed) => {
      if (++subscriptions === 1) setImmediate(() => failed?.(new LogError("out_of_range", "trimmed")));
      return base.subscribe(shard, from, subscriptions === 1 ? () => {} : deliver, failed);
    },
  });
  return withRig({ log }, async (rig) => {
    assert.equal(await rig.total(await rig.send(4)), 4);
    assert.equal(subscriptions, 2);
  });
});
