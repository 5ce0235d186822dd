import assert from "node:assert/strict";
import {
  doubtfulTicks,
  maxSilentTicks,
  maxSilentTicksOutside,
  watchdogTickMs,
} from "../../runtime/node/limits.ts";
import { Watchdog, type Watched } from "../../runtime/node/watchdog.ts";

class Host implements Watched {
  moved = 0;
  inTurn = true;
  pings: (() => void)[] = [];
  condemned: number[] = [];

  turns(): number {
    return this.moved;
  }

  isInTurn(): boolean {
    return this.inTurn;
  }

  ping(answered: () => void): void {
    this.pings.push(answered);
  }

  condemn(silentTicks: number): void {
    this.condemned.push(silentTicks);
  }

  answer(): void {
    for (const answered of this.pings.splice(0)) answered();
  }
}

let nowMs = 0;

/** Every `watchdogTickMs`, but for how `late` they are. */
function ticks(watchdog: Watchdog, count: number, each = () => {}, late = 1): void {
  for (let tick = 0; tick < count; tick++) {
    watchdog.tick(nowMs += watchdogTickMs * late);
    each();
  }
}

Deno.test("Watchdog.tick() condemns a host once, after ten silent ticks, when it answers nothing and moves nothing", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  // The first tick sends the ping that the others count from.
  ticks(watchdog, maxSilentTicks);
  assert.deepEqual(host.condemned, []);
  ticks(watchdog, 1);
  assert.deepEqual(host.condemned, [maxSilentTicks]);
  ticks(watchdog, 30);
  assert.equal(host.condemned.length, 1);
});

Deno.test("Watchdog.tick() waits longer for a host that is in no turn, until it is in one", () => {
  const [watchdog, outside, late] = [new Watchdog(), new Host(), new Host()];
  outside.inTurn = late.inTurn = false;
  watchdog.watch(outside);
  watchdog.watch(late);
  ticks(watchdog, maxSilentTicks + 2);
  assert.deepEqual([outside.condemned, late.condemned], [[], []]);
  late.inTurn = true;
  ticks(watchdog, 1);
  assert.deepEqual([outside.condemned, late.condemned], [[], [maxSilentTicks + 2]]);
  ticks(watchdog, maxSilentTicksOutside - maxSilentTicks - 2);
  assert.deepEqual(outside.condemned, [maxSilentTicksOutside]);
});

Deno.test("Watchdog.tick() counts ticks the less the later they are, and early ones as one", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  ticks(watchdog, 1);
  ticks(watchdog, 2 * maxSilentTicks - 1, () => {}, 2);
  assert.deepEqual(host.condemned, []);
  ticks(watchdog, 1, () => {}, 2);
  assert.deepEqual(host.condemned, [maxSilentTicks]);
  watchdog.watch(host);
  ticks(watchdog, maxSilentTicks + 1, () => {}, 0.1);
  assert.deepEqual(host.condemned, [maxSilentTicks, maxSilentTicks]);
});

Deno.test("Watchdog.isInDoubt is so while a host has been silent for some ticks, and not yet condemned", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  const isInDoubtAfter = (count: number) => {
    ticks(watchdog, count);
    return watchdog.isInDoubt;
  };
  assert.deepEqual([isInDoubtAfter(doubtfulTicks), isInDoubtAfter(1)], [false, true]);
  host.answer();
  assert.equal(watchdog.isInDoubt, false);
  assert.deepEqual([isInDoubtAfter(maxSilentTicks), isInDoubtAfter(1)], [true, false]);
});

Deno.test("Watchdog.tick() condemns no host that answers pings, however idle it is", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  ticks(watchdog, 100, () => host.answer());
  assert.deepEqual(host.condemned, []);
});

Deno.test("Watchdog.tick() condemns no host whose turns move, though pings wait behind them", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  ticks(watchdog, 100, () => host.moved++);
  assert.deepEqual(host.condemned, []);
  assert.equal(host.pings.length, 1, "one ping is under way at most");
});

Deno.test("Watchdog.tick() counts from the last sign of life when a host hangs after it", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  watchdog.watch(host);
  ticks(watchdog, maxSilentTicks);
  host.answer();
  ticks(watchdog, maxSilentTicks);
  assert.deepEqual(host.condemned, []);
  ticks(watchdog, 1);
  assert.equal(host.condemned.length, 1);
});

Deno.test("Watchdog.watch() ends when its function is called", () => {
  const [watchdog, host] = [new Watchdog(), new Host()];
  const end = watchdog.watch(host);
  ticks(watchdog, 5);
  end();
  ticks(watchdog, 30);
  assert.deepEqual(host.condemned, []);
});
