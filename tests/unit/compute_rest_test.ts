/** What jobs leave of the processors to others. */

import assert from "node:assert/strict";
import { restMs } from "../../runtime/node/compute_rest.ts";
import { FreeProcessors, type ProcessorTimes } from "../../runtime/node/free_processors.ts";
import { maxComputeRestMs } from "../../runtime/node/limits.ts";

Deno.test("restMs() is none on an idle machine, and what makes the square of the free share of a fuller one", () => {
  assert.equal(restMs(50, 50, 1), 0);
  assert.equal(restMs(50, 80, 0.5), 120, "50 ms used of 200");
  assert.equal(restMs(50, 200, 0.25), 600, "50 ms used of 800");
});

Deno.test("restMs() asks for no rest of a job that was slow already, and for none of one that used nothing", () => {
  assert.equal(restMs(50, 1000, 0.5), 0);
  assert.equal(restMs(0, 0, 0), 0);
  assert.equal(restMs(20, 11, 1), 0, "ticks of the system's");
});

Deno.test("restMs() is bounded, whatever there is of free processors", () => {
  assert.equal(restMs(50, 200, 0), maxComputeRestMs);
  assert.equal(restMs(10_000, 10_000, 0.1), maxComputeRestMs);
});

/** Of two processors; returns what lets time pass. */
function machine(): { free: FreeProcessors; pass(freeMs: number, takenMs: number): void } {
  let times: ProcessorTimes = { freeMs: 5000, totalMs: 9000 };
  return {
    free: new FreeProcessors(() => times, 2),
    pass: (freeMs, takenMs) => {
      times = { freeMs: times.freeMs + freeMs, totalMs: times.totalMs + freeMs + takenMs };
    },
  };
}

Deno.test("FreeProcessors.share() is that of the time since it was asked for last", () => {
  const { free, pass } = machine();
  pass(300, 100);
  assert.equal(free.share(), 0.75);
  pass(100, 900);
  assert.equal(free.share(), 0.1);
});

Deno.test("FreeProcessors.share() waits for a window of 200 ms, and leaves nothing of it out", () => {
  const { free, pass } = machine();
  pass(0, 399);
  assert.equal(free.share(), 1, "as before");
  pass(1, 0);
  assert.equal(free.share(), 1 / 400);
});

Deno.test("FreeProcessors.share() is all where the system tells nothing, and never beside 0 to 1", () => {
  assert.equal(new FreeProcessors(() => ({ freeMs: 0, totalMs: 0 }), 0).share(), 1);
  const { free, pass } = machine();
  pass(-10, 600);
  assert.equal(free.share(), 0, "idle time that goes back, as Linux says it may");
});
