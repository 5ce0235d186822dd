/**
 * One run: a number of steps with faults, then rest, then the oracles of rest; twice, the second time after every
 * host was started anew.
 */

import { errorMessage } from "../core/errors.ts";
import type { FaultKind } from "./faults.ts";
import { type Oracle, OracleError } from "./oracle_error.ts";
import type { PlantName } from "./plants.ts";
import { Trace } from "./trace.ts";
import { World } from "./world.ts";

/** What a run is, beside its seed. */
export interface RunSetting {
  /** Events before the faults end. */
  readonly steps: number;
  readonly plant: PlantName | null;
  /** Kinds of faults switched off. */
  readonly without: readonly FaultKind[];
}

export const defaultSetting: RunSetting = { steps: 1500, plant: null, without: [] };

export interface RunOptions extends RunSetting {
  readonly seed: number;
  /** Gets every line of the trace. */
  readonly print: ((line: string) => void) | null;
}

export interface Failure {
  readonly oracle: Oracle;
  readonly message: string;
  /** Events until then, the one in which it broke included. */
  readonly events: number;
  /** The last lines of the trace. */
  readonly trace: readonly string[];
}

export interface RunResult {
  readonly seed: number;
  /** Events that happened. */
  readonly events: number;
  /** Equal for equal runs. */
  readonly traceHash: string;
  readonly failure: Failure | null;
}

/** Events within which a run without faults comes to rest, with a wide margin. */
const drainSteps = 60_000;
/** Looking for rest costs more than an event. */
const stepsBetweenLooks = 20;

class Run {
  events = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  step(): boolean {
    this.events++;
    return this.#world.agenda.step();
  }

  /** Goes on until nothing has to happen. */
  settle(): void {
    for (let step = 0; step < drainSteps; step++) {
      if (step % stepsBetweenLooks === 0 && this.#world.unfinished().length === 0) return;
      if (!this.step()) break;
    }
    const unfinished = this.#world.unfinished();
    if (unfinished.length === 0) return;
    throw new OracleError("stuck", `Nothing goes wrong any more, and yet: ${unfinished.join("; ")}`);
  }
}

function play(world: World, run: Run, steps: number): void {
  while (run.events < steps) run.step();
  world.drain();
  run.settle();
  world.auditor.finish();
  world.askAll();
  run.settle();
  world.restartAll();
  run.settle();
  world.askAll();
  run.settle();
  world.auditor.finish();
}

/** Plays the run of a seed. An error that is no oracle's is a bug of the simulator and thrown on. */
export function simulate({ seed, steps, plant, without, print }: RunOptions): RunResult {
  const trace = new Trace(print);
  const world = new World({ seed, plant, without, trace });
  const run = new Run(world);
  let failure: Failure | null = null;
  try {
    play(world, run, steps);
  } catch (thrown) {
    if (!(thrown instanceof OracleError)) throw thrown;
    const { oracle } = thrown;
    failure = { oracle, message: errorMessage(thrown), events: run.events, trace: trace.last() };
  }
  return { seed, events: run.events, traceHash: trace.hash, failure };
}
