import assert from "node:assert/strict";
import { startReportMs, startSilenceMs } from "../../runtime/node/limits.ts";
import { StartWatch } from "../../runtime/node/start_watch.ts";

class Rig {
  nowMs = 0;
  waitingFor: string | null = "Shard 3 is being claimed";
  readonly reports: string[] = [];
  readonly watch = new StartWatch({
    clock: { nowMs: () => this.nowMs },
    hosts: 2,
    waitingFor: () => this.waitingFor,
    report: ({ message }) => void this.reports.push(message),
  });
}

Deno.test("StartWatch.check() fails the start when a host says nothing for too long", () => {
  const rig = new Rig();
  rig.nowMs = startSilenceMs - 1;
  assert.equal(rig.watch.check(), null);
  rig.watch.heard(0);
  rig.nowMs = startSilenceMs;
  assert.match(
    rig.watch.check()?.message ?? "",
    /^Cannot start: the thread of host 1 has said nothing for 60 s/,
  );
  rig.watch.heard(1);
  assert.equal(rig.watch.check(), null);
});

Deno.test("StartWatch.check() says what a long start waits for, now and then", () => {
  const rig = new Rig();
  for (rig.nowMs = 0; rig.nowMs <= 2.5 * startReportMs; rig.nowMs += 1000) {
    for (const host of [0, 1]) rig.watch.heard(host);
    rig.watch.check();
  }
  assert.deepEqual(rig.reports, Array(2).fill("Still starting: Shard 3 is being claimed."));
  rig.waitingFor = null;
  rig.nowMs += startReportMs;
  assert.equal(rig.watch.check(), null);
  assert.equal(rig.reports.length, 2);
});
