import assert from "node:assert/strict";
import { defaultSetting, simulate } from "../../runtime/simulation/simulate.ts";

const seeds = 30;

const harms = [
  "goes down in the turn",
  "and tells of a death",
  "hangs",
  "the process dies",
  "fail too often, and are given up",
  "there is no warm spare",
  "jumps ahead by",
  "is full until",
] as const;

Deno.test(`simulate() does every kind of harm to hosts within ${seeds} seeds, and none in some`, () => {
  const runs = new Map<string, number>();
  let harmless = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const seen = new Set<string>();
    const print = (line: string) => {
      for (const harm of harms) if (line.includes(harm)) seen.add(harm);
    };
    simulate({ ...defaultSetting, seed, print });
    for (const harm of seen) runs.set(harm, (runs.get(harm) ?? 0) + 1);
    if (!seen.has("goes down in the turn") && !seen.has("hangs")) harmless++;
  }
  for (const harm of harms) assert.ok((runs.get(harm) ?? 0) > 0, `no run has "${harm}"`);
  assert.ok(harmless > 0, "every run has hosts that die in a turn, or hang");
});
