/** How often the detector cries wolf: series in which nothing ever happens, 100,000 values each. */

import assert from "node:assert/strict";
import { dayValues, detected, gaussian, scoresOf } from "./anomaly_rig.ts";

const count = 100_000;

/** At most one in 10,000 values; but a random walk goes where it never was, and a heavy tail further, again and again. */
const most: Readonly<Record<string, number>> = { "a random walk": 30, "lognormal noise": 40 };
const mostElsewhere = 10;

const series: Readonly<Record<string, (seed: number) => (i: number) => number>> = {
  "white noise": (seed) => gaussian(seed),
  "AR(1) of coefficient 0.9": (seed) => {
    const next = gaussian(seed);
    let last = 0;
    return () => last = 0.9 * last + next();
  },
  "a random walk": (seed) => {
    const next = gaussian(seed);
    let last = 0;
    return () => last += next();
  },
  "lognormal noise": (seed) => {
    const next = gaussian(seed);
    return () => Math.exp(next());
  },
  "a noisy daily curve": (seed) => {
    const next = gaussian(seed);
    return (i) => 5 * Math.sin(2 * Math.PI * i / dayValues) + next();
  },
  "a noisy curve of 100 values": (seed) => {
    const next = gaussian(seed);
    return (i) => 5 * Math.sin(2 * Math.PI * i / 100) + next();
  },
};

for (const [name, make] of Object.entries(series)) {
  const mostAlarms = most[name] ?? mostElsewhere;
  Deno.test(`update() detects at most ${mostAlarms} of ${count} values of ${name}`, () => {
    const values = Array.from({ length: count }, (_, i) => i).map(make(7));
    const alarms = detected(scoresOf(values)).length;
    assert.ok(alarms <= mostAlarms, `${alarms} alarms`);
  });
}
