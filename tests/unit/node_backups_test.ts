import assert from "node:assert/strict";
import { type BackupErrorCode, NodeBackups } from "../../runtime/node/backups.ts";
import { backupLeaseMs, maxBackupMs } from "../../runtime/node/limits.ts";
import { ManualClock } from "./manual_clock.ts";

interface Rig {
  readonly backups: NodeBackups;
  readonly clock: ManualClock;
  /** What the files were told. */
  readonly calls: string[];
  readonly held: { store: boolean; log: boolean };
  readonly failing: Set<string>;
}

function rig(elsewhere: string | null = null): Rig {
  const clock = new ManualClock();
  const calls: string[] = [];
  const held = { store: false, log: false };
  const failing = new Set<string>();
  let ids = 0;
  const told = (call: string) => {
    calls.push(call);
    if (failing.has(call)) throw new Error(`${call} failed`);
  };
  const file = (name: "store" | "log") => ({
    hold: () => Promise.try(() => (told(`hold ${name}`), void (held[name] = true))),
    release: () =>
      Promise.try(() => {
        told(`release ${name}`);
        const wasHeld = held[name];
        held[name] = false;
        return wasHeld;
      }),
  });
  const backups = new NodeBackups({
    files: {
      store: {
        ...file("store"),
        ready: Promise.resolve({ identity: "s1", log: "l1", secret: "s", warning: null }),
      },
      log: { ...file("log"), seal: () => Promise.try(() => (told("seal log"), ["00000001.db"])) },
    },
    elsewhere,
    clock,
    newId: () => `b${++ids}`,
    report: () => {},
  });
  return { backups, clock, calls, held, failing };
}

const fails = (code: BackupErrorCode, sentence: RegExp) => ({ code, message: sentence });

Deno.test("NodeBackups holds the log before the store, and releases the log after it is copied", async () => {
  const { backups, clock, calls, held } = rig();
  assert.deepEqual(await backups.begin(), { id: "b1", leaseMs: backupLeaseMs, store: "s1" });
  assert.deepEqual(await backups.log("b1"), ["00000001.db"]);
  assert.deepEqual(held, { store: false, log: true });
  await backups.end("b1");
  assert.deepEqual(calls, ["hold log", "hold store", "release store", "seal log", "release log"]);
  assert.equal(clock.timers, 0);
  await assert.rejects(backups.end("b1"), fails("unknown", /no such backup/));
});

Deno.test("NodeBackups holds nothing when servers keep the data, and says where they are", async () => {
  const { backups, calls, clock } = rig("They are elsewhere.");
  await assert.rejects(backups.begin(), fails("elsewhere", /^They are elsewhere\.$/));
  assert.deepEqual([calls, clock.timers], [[], 0]);
});

Deno.test("NodeBackups takes one backup at a time", async () => {
  const { backups, clock } = rig();
  await backups.begin();
  await clock.advance(4000);
  await assert.rejects(backups.begin(), fails("running", /Another backup runs since 4 s; wait for its end/));
  await backups.abandon("b1");
  assert.equal((await backups.begin()).id, "b2");
  backups.close();
});

Deno.test("NodeBackups gives a backup up when nothing is heard of its client, and not while it is renewed", async () => {
  const { backups, clock, held } = rig();
  await backups.begin();
  for (let n = 0; n < 10; n++) {
    await clock.advance(backupLeaseMs - 1);
    backups.renew("b1");
  }
  assert.deepEqual(held, { store: true, log: true });
  await clock.advance(backupLeaseMs);
  assert.deepEqual(held, { store: false, log: false });
  const lost = fails("lost", /given up: nothing was heard of its client for 30 s/);
  assert.throws(() => backups.renew("b1"), lost);
  await assert.rejects(backups.log("b1"), lost);
  await assert.rejects(backups.end("b1"), lost);
  assert.equal((await backups.begin()).id, "b2");
  backups.close();
});

Deno.test("NodeBackups gives a backup up that takes too long, however often it is renewed", async () => {
  const { backups, clock, held } = rig();
  await backups.begin();
  for (let ms = 0; ms < maxBackupMs; ms += backupLeaseMs / 2) {
    backups.renew("b1");
    await clock.advance(backupLeaseMs / 2);
  }
  assert.deepEqual(held, { store: false, log: false });
  assert.throws(() => backups.renew("b1"), fails("lost", /took more than 60 minutes/));
});

Deno.test("NodeBackups refuses what was copied when the files were not held all the time", async () => {
  for (const file of ["store", "log"] as const) {
    const { backups, held } = rig();
    await backups.begin();
    if (file === "store") {
      held.store = false;
      await assert.rejects(backups.log("b1"), fails("lost", /write-ahead log or its disk was full/));
    } else {
      await backups.log("b1");
      held.log = false;
    }
    await assert.rejects(backups.end("b1"), fails("lost", /was full/));
    assert.deepEqual(held, { store: false, log: false });
  }
});

Deno.test("NodeBackups holds nothing when a file cannot be held or sealed", async () => {
  for (const failing of ["hold log", "hold store", "seal log"]) {
    const { backups, clock, held, failing: failingCalls } = rig();
    failingCalls.add(failing);
    const work = async () => await backups.log((await backups.begin()).id);
    await assert.rejects(work, new RegExp(`${failing} failed`));
    assert.deepEqual(held, { store: false, log: false });
    assert.equal(clock.timers, 0);
    failingCalls.clear();
    assert.equal((await backups.begin()).id, "b2");
    backups.close();
  }
});
