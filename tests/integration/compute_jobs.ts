/**
 * Jobs for the tests of the compute pool: some that sum, and some that do what a job should not. Deno 2.9 does not stop
 * a thread that never returns to its event loop: those that hang do so until the test opens their gate.
 */

import { getPriority } from "node:os";
import process from "node:process";

let runs = 0;

export const jobs = {
  sum: (values: Float64Array) => values.reduce((sum, value) => sum + value, 0),
  /** The how-manieth run of this job in this thread it is. */
  count: () => ++runs,
  sumLater: async (values: Float64Array) => {
    await Promise.resolve();
    return values.map((value) => value * 2);
  },
  /** Uses so many milliseconds of a processor. */
  burn: (ms: number) => {
    const usedMs = () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    };
    const endMs = usedMs() + ms;
    while (usedMs() < endMs);
  },
  /** How nice its thread is. */
  niceness: () => getPriority(),
  /** Blocks its thread until the gate is opened. */
  hold: (gate: SharedArrayBuffer) => Atomics.wait(new Int32Array(gate), 0, 0),
  loops: (gate: SharedArrayBuffer) => {
    const view = new Int32Array(gate);
    while (Atomics.load(view, 0) === 0);
  },
  eats: (gate: SharedArrayBuffer) => {
    const view = new Int32Array(gate);
    const eaten: number[][] = [];
    while (Atomics.load(view, 0) === 0) eaten.push(new Array<number>(1000).fill(eaten.length + 0.5));
  },
  eatsLater: async (gate: SharedArrayBuffer) => {
    await Promise.resolve();
    jobs.eats(gate);
  },
  throws: () => {
    throw new RangeError("a series of 3 points has no period of 7");
  },
  throwsLater: () => Promise.reject(new Error("not a number")),
  exits: () => process.exit(0),
  /** Returns, and ends its thread when the gate is opened. */
  exitsAfterwards: (gate: SharedArrayBuffer) => {
    const { async: isAsync, value } = Atomics.waitAsync(new Int32Array(gate), 0, 0);
    if (isAsync) void value.then(() => process.exit(1));
  },
  returnsFunction: () => () => 1,
};
