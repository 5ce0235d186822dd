import assert from "node:assert/strict";
import fc from "fast-check";
import type { ComputePriority } from "../../runtime/node/compute.ts";
import { ComputeQueue, type WaitingJob } from "../../runtime/node/compute_queue.ts";

interface Job extends WaitingJob {
  readonly id: number;
}

const priorities: readonly ComputePriority[] = ["interactive", "normal", "background"];

/** Invariants 1 to 4 of the queue, said as plainly as a list allows: sorted, then cut. */
class Model {
  #jobs: Job[] = [];

  constructor(readonly maxJobs: number, readonly dropped: string[]) {}

  get ids(): number[] {
    return this.#jobs.map(({ id }) => id);
  }

  get nextEndMs(): number | null {
    return this.#jobs.map(({ endMs }) => endMs).sort((a, b) => a - b)[0] ?? null;
  }

  add(job: Job, nowMs: number): void {
    const rank = ({ priority, id }: Job) => priorities.indexOf(priority) * 1e6 + id;
    this.#jobs = [...this.#jobs, job].sort((a, b) => rank(a) - rank(b));
    this.expire(nowMs);
    for (const { id } of this.#jobs.splice(this.maxJobs)) this.dropped.push(`full ${id}`);
  }

  take(nowMs: number): Job | null {
    this.expire(nowMs);
    return this.#jobs.shift() ?? null;
  }

  remove(job: Job): boolean {
    const before = this.#jobs.length;
    this.#jobs = this.#jobs.filter(({ id }) => id !== job.id);
    return this.#jobs.length < before;
  }

  expire(nowMs: number): void {
    for (const { id, endMs } of this.#jobs) if (endMs <= nowMs) this.dropped.push(`late ${id}`);
    this.#jobs = this.#jobs.filter(({ endMs }) => endMs > nowMs);
  }
}

const step = fc.record({
  type: fc.constantFrom("add", "add", "add", "take", "remove", "expire"),
  priority: fc.constantFrom(...priorities),
  afterMs: fc.nat(5),
  deadlineMs: fc.nat(40),
  which: fc.nat(30),
});

Deno.test("ComputeQueue does what a sorted and cut list does, and every job leaves it once", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 80 }), (maxJobs, steps) => {
      const [dropped, expected]: [string[], string[]] = [[], []];
      const queue = new ComputeQueue<Job>({
        maxJobs,
        drop: ({ id }, reason) => dropped.push(`${reason} ${id}`),
      });
      const model = new Model(maxJobs, expected);
      const jobs: Job[] = [];
      let left = 0;
      let nowMs = 0;
      for (const { type, priority, afterMs, deadlineMs, which } of steps) {
        nowMs += afterMs;
        if (type === "add") {
          const job = { id: jobs.length, priority, endMs: nowMs + deadlineMs };
          jobs.push(job);
          queue.add(job, nowMs);
          model.add(job, nowMs);
        } else if (type === "take") {
          const taken = queue.take(nowMs);
          assert.deepEqual(taken, model.take(nowMs));
          if (taken !== null) left++;
        } else if (type === "remove") {
          const job = jobs[which];
          if (job === undefined) continue;
          const isRemoved = queue.remove(job);
          assert.equal(isRemoved, model.remove(job));
          if (isRemoved) left++;
        } else {
          queue.expire(nowMs);
          model.expire(nowMs);
        }
        assert.deepEqual(dropped, expected);
        assert.equal(queue.nextEndMs, model.nextEndMs);
        assert.equal(queue.length, model.ids.length);
        assert.ok(queue.length <= maxJobs);
      }
      assert.deepEqual(queue.clear().map(({ id }) => id), model.ids);
      assert.equal(queue.length, 0);
      assert.equal(left + dropped.length + model.ids.length, jobs.length);
    }),
  );
});

const cases: readonly {
  readonly what: string;
  readonly waiting: readonly ComputePriority[];
  readonly comes: ComputePriority;
  readonly leaves: number;
}[] = [
  { what: "refuses an equal", waiting: ["normal", "normal"], comes: "normal", leaves: 2 },
  { what: "refuses a lower", waiting: ["normal", "normal"], comes: "background", leaves: 2 },
  {
    what: "lets the newest lower one give way",
    waiting: ["normal", "background"],
    comes: "interactive",
    leaves: 1,
  },
  {
    what: "spares the older of two lower ones",
    waiting: ["background", "background"],
    comes: "normal",
    leaves: 1,
  },
  {
    what: "takes the lowest, though another came later",
    waiting: ["background", "normal"],
    comes: "interactive",
    leaves: 0,
  },
];

for (const { what, waiting, comes, leaves } of cases) {
  Deno.test(`ComputeQueue.add() ${what} at the bound`, () => {
    const dropped: [number, string][] = [];
    const queue = new ComputeQueue<Job>({
      maxJobs: waiting.length,
      drop: ({ id }, reason) => dropped.push([id, reason]),
    });
    [...waiting, comes].forEach((priority, id) => queue.add({ id, priority, endMs: 10 }, 0));
    assert.deepEqual(dropped, [[leaves, "full"]]);
  });
}

Deno.test("ComputeQueue.add() drops what is late before anybody gives way", () => {
  const dropped: [number, string][] = [];
  const queue = new ComputeQueue<Job>({
    maxJobs: 1,
    drop: ({ id }, reason) => dropped.push([id, reason]),
  });
  queue.add({ id: 0, priority: "interactive", endMs: 10 }, 0);
  queue.add({ id: 1, priority: "background", endMs: 20 }, 10);
  assert.deepEqual(dropped, [[0, "late"]]);
  assert.equal(queue.take(10)?.id, 1);
});
