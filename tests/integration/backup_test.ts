/** Backups under load, and what a node restored from one knows; judged by ledgers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Plan } from "../../actors/simulate/plan.ts";
import { type FinishedPhase, type Phase, run } from "../../actors/simulate/run.ts";
import { backup } from "../../actors/operations/backup.ts";
import type { Progress } from "../../actors/operations/progress.ts";
import { eventually } from "../services/eventually.ts";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { isRight, verificationText, verify } from "../verify/verifier.ts";
import { assertDone, assertRefused, runTask } from "./operations.ts";

const never = new AbortController().signal;
const connections = 8;
const deadlineMs = 30_000;

/** Panels and sensors have different ids: what was sent before the backup and what during it can be told apart. */
function planOf(seed: number, panelRatio: 0 | 1): Plan {
  return {
    seed,
    panelRatio,
    sensors: 300,
    ratePerSecond: 3000,
    originMs: Date.now(),
    bodyReadings: 20,
    historyMs: 0,
    lateRatio: 0.02,
    outOfOrderRatio: 0.05,
    duplicateRatio: 0.05,
  };
}

interface Sending {
  readonly plan: Plan;
  readonly isPaced?: boolean;
  readonly forMs: number;
  readonly stop?: AbortSignal;
  readonly onPhase?: (phase: Phase) => void;
}

async function send(node: Node, { plan, isPaced = true, forMs, stop = never, onPhase }: Sending) {
  const phases = await run({
    plan,
    target: { url: new URL(node.url), token: null, connections },
    forMs,
    isPaced,
    liveOriginMs: () => plan.originMs,
    stop,
    abandon: never,
    ...onPhase === undefined ? {} : { onPhase },
  });
  const [phase] = phases;
  assert.ok(phase !== undefined);
  return phase;
}

const verifyAt = (node: Node, { ledger }: FinishedPhase) =>
  verify({ url: new URL(node.url), token: null }, [ledger]);

Deno.test("A node restored from a backup under load has all accepted before it, and nothing twice", async () => {
  await using folder = await tempFolder();
  const [data, copy, restored] = ["data", "backup", "restored"].map((name) => join(folder.path, name));
  assert.ok(data !== undefined && copy !== undefined && restored !== undefined);
  const stop = new AbortController();
  const during = planOf(2, 0);
  let sentBefore: FinishedPhase;
  let sentDuring: FinishedPhase;
  {
    await using node = await Node.start({ dataDir: data });
    sentBefore = await send(node, { plan: planOf(1, 1), forMs: 2000 });
    const begun = Promise.withResolvers<Phase>();
    const sending = send(node, { plan: during, forMs: Infinity, stop: stop.signal, onPhase: begun.resolve });
    const { tally } = await begun.promise;
    const accepted = (count: number) =>
      eventually(
        `${count} accepted readings`,
        deadlineMs,
        () => Promise.resolve(tally.accepted > count ? true : null),
      );
    await accepted(3000);
    assert.match(assertDone(await runTask("backup", [copy, "--data", data])), /everything accepted before/);
    await accepted(tally.accepted + 3000);
    stop.abort();
    sentDuring = await sending;
    for (const sent of [sentBefore, sentDuring]) {
      const original = await verifyAt(node, sent);
      assert.ok(isRight(original), verificationText(original));
    }
    await node.stop();
  }
  assert.match(assertDone(await runTask("inspect", ["--data", copy])), /Nothing is wrong with it\./);
  assert.match(
    assertDone(await runTask("restore", [copy, "--data", restored])),
    /deno task start cluster --data/,
  );
  assert.match(assertDone(await runTask("inspect", ["--data", restored])), /Nothing is wrong with it\./);

  await using node = await Node.start({ dataDir: restored });
  const before = await verifyAt(node, sentBefore);
  assert.ok(isRight(before), verificationText(before));
  const partly = await verifyAt(node, sentDuring);
  assert.equal(partly.twice, 0, verificationText(partly));
  assert.ok(partly.lost > 0, "what was accepted after the backup is not in it");
  assert.ok(partly.lost < partly.values, "the backup has some of what was accepted meanwhile");
  // Every body again, under its key: what the backup has counts no second time, what it lacks counts now.
  const again = await send(node, { plan: during, isPaced: false, forMs: sentDuring.tookMs + 1000 });
  const complete = await verifyAt(node, again);
  assert.ok(isRight(complete), verificationText(complete));
});

/** Makes a backup in this process, and does `work` at the beginning of `step`. */
function backupAt(folder: string, target: string, step: string, work: (stop: AbortController) => void) {
  const stop = new AbortController();
  const progress: Progress = { step: (name) => name === step && work(stop), onBytes() {}, end() {} };
  return backup({ folder, target, token: null, program: "0.0.0", signal: stop.signal, progress });
}

Deno.test("A backup that is interrupted, or whose node dies, leaves nothing, and the next one is made", async () => {
  await using folder = await tempFolder();
  const [data, copy] = [join(folder.path, "data"), join(folder.path, "backup")];
  await using node = await Node.start({ dataDir: data });
  const names = () => [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  for (const step of ["store", "log", "checking"]) {
    await assert.rejects(backupAt(data, copy, step, (stop) => stop.abort()), { name: "AbortError" });
    assert.deepEqual(names(), ["data"]);
  }
  // One that was killed: nothing of it is heard any more.
  const { id } = await (await fetch(`${node.adminUrl}/backups`, { method: "POST" })).json();
  assertRefused(await runTask("backup", [copy, "--data", data]), /Another backup runs since \d+ s; wait/);
  await (await fetch(`${node.adminUrl}/backups/${id}/abandon`, { method: "POST" })).body?.cancel();

  const pid = await node.pid();
  await assert.rejects(backupAt(data, copy, "store", () => Deno.kill(pid, "SIGKILL")), {
    name: "BackupLost",
  });
  assert.deepEqual(names(), ["data"]);
  await eventually("a backup of the node that is back", deadlineMs, async () => {
    return assertDone(await runTask("backup", [copy, "--data", data]));
  });
});

const lastValues = "/max_min_avg_std_metric?window=1h";

/** Of the series `one`: of when its last stored window tells. */
async function lastStoredAt(node: Node): Promise<number | null> {
  const { items } = await (await fetch(node.url + lastValues)).json();
  return items[0]?.at ?? null;
}

async function change(node: Node, method: string, path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(node.url + path, { method, headers, body: JSON.stringify(body) });
  assert.ok(response.ok, await response.text());
}

Deno.test("A node restored from a backup has its results, and stores what it finds from then on", async () => {
  await using folder = await tempFolder();
  const [data, copy, restored] = ["data", "backup", "restored"].map((name) => join(folder.path, name));
  assert.ok(data !== undefined && copy !== undefined && restored !== undefined);
  const flags = ["--no-host-metrics", "--shards", "2"];
  let at: number;
  {
    await using node = await Node.start({ dataDir: data, flags });
    const every = { look: "1s", values: "10s" };
    await change(node, "PUT", "/rules/one", { match: '{__name__="one"}', do: ["values"], every });
    await change(node, "POST", "/series", { id: "one", ts: Date.now(), value: 1 });
    at = await eventually("a stored window", deadlineMs, () => lastStoredAt(node));
    assertDone(await runTask("backup", [copy, "--data", data]));
    await node.stop();
  }
  assertDone(await runTask("restore", [copy, "--data", restored]));
  await using node = await Node.start({ dataDir: restored, flags });
  const begun = await eventually("the tables", deadlineMs, () => lastStoredAt(node));
  assert.ok(begun >= at, `${begun} is before ${at}`);
  await eventually("a window of the restored node", deadlineMs, async () => {
    const last = await lastStoredAt(node);
    return last !== null && last > begun ? last : null;
  });
});
