/**
 * `deno task sim --seed N [--seeds K] [--steps M] [--without KINDS] [--plant NAME] [--trace]`: plays the runs of seeds
 * N..N+K-1. A failing one is shrunk and told of, except under --trace, which plays just what it is told.
 * Exit code 0: no oracle was broken; 1: one was; 2: the arguments make no sense.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { errorMessage } from "../core/errors.ts";
import { type FaultKind, faultKinds, isFaultKind } from "./faults.ts";
import { isPlantName, type PlantName, plantNames } from "./plants.ts";
import { failureReport } from "./report.ts";
import { shrink } from "./shrink.ts";
import { defaultSetting, type RunResult, type RunSetting, simulate } from "./simulate.ts";
import { playSeeds } from "./sweep.ts";

const usage = `deno task sim --seed N [--seeds K] [--steps M] [--without KINDS] [--plant NAME] [--trace]

  --seed     the first seed (default 1)
  --seeds    how many seeds to play (default 1)
  --steps    events before the faults end (default ${defaultSetting.steps})
  --without  switch kinds of faults off, as in "slow,moves": ${faultKinds.join(", ")}
  --plant    play with a bug planted: ${plantNames.join(", ")}
  --trace    print every event; for one seed
`;

interface Arguments {
  readonly seed: number;
  readonly seeds: number;
  readonly setting: RunSetting;
  readonly trace: boolean;
  readonly help: boolean;
}

class UsageError extends Error {}

function parseCount(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`--${name} is a whole number, not "${text}"`);
}

function parsePlant(name: string | undefined): PlantName | null {
  if (name === undefined) return null;
  if (isPlantName(name)) return name;
  throw new UsageError(`There is no plant "${name}"; there are ${plantNames.join(", ")}`);
}

function parseKinds(text: string | undefined): readonly FaultKind[] {
  return (text ?? "").split(",").filter((name) => name !== "").map((name) => {
    if (isFaultKind(name)) return name;
    throw new UsageError(`There is no kind of fault "${name}"; there are ${faultKinds.join(", ")}`);
  });
}

function parse(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      steps: { type: "string" },
      without: { type: "string" },
      plant: { type: "string" },
      trace: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const seeds = parseCount("seeds", values.seeds, 1);
  if (values.trace && seeds !== 1) throw new UsageError("--trace is for one seed; leave --seeds out");
  return {
    seed: parseCount("seed", values.seed, 1),
    seeds,
    setting: {
      steps: parseCount("steps", values.steps, defaultSetting.steps),
      plant: parsePlant(values.plant),
      without: parseKinds(values.without),
    },
    trace: values.trace,
    help: values.help,
  };
}

function reportFailure({ seed, traceHash, failure }: RunResult, { setting, trace }: Arguments): void {
  if (failure === null) return;
  const run = { seed, setting, traceHash, failure };
  if (trace) console.log(failureReport({ ...run, failure: { ...failure, trace: [] } }));
  else console.log(failureReport(shrink(run)));
}

function playOne(args: Arguments): boolean {
  const { seed, setting, trace } = args;
  const run = simulate({ seed, ...setting, print: trace ? (line) => console.log(line) : null });
  reportFailure(run, args);
  if (run.failure === null) {
    console.log(`seed ${seed}: ${run.events} events, no oracle broken, trace ${run.traceHash}`);
  }
  return run.failure === null;
}

/** As many as there are cores, where this process may start threads at all. */
async function threadCount(): Promise<number> {
  const { state } = await Deno.permissions.query({ name: "read", path: import.meta.dirname ?? "." });
  return state === "granted" ? navigator.hardwareConcurrency : 0;
}

async function playMany(args: Arguments): Promise<boolean> {
  const { seed, seeds, setting } = args;
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  let told = 0;
  const { played, events, failure } = await playSeeds({
    firstSeed: seed,
    seeds,
    setting,
    threads: Math.min(seeds, await threadCount()),
    onProgress: (count) => {
      if (count - told < 100) return;
      told = count;
      console.error(`${count} of ${seeds} seeds, ${seconds()} s`);
    },
  });
  if (failure !== null) reportFailure(failure, args);
  console.log(
    `${played} seeds, ${events} events, ${seconds()} s: ${failure === null ? "no oracle broken" : "failed"}`,
  );
  return failure === null;
}

async function main(): Promise<number> {
  let args: Arguments;
  try {
    args = parse(process.argv.slice(2));
  } catch (thrown) {
    console.error(`${errorMessage(thrown)}\n\n${usage}`);
    return 2;
  }
  if (args.help) {
    console.log(usage);
    return 0;
  }
  const isGood = args.seeds === 1 ? playOne(args) : await playMany(args);
  return isGood ? 0 : 1;
}

process.exitCode = await main();
