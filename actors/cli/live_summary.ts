/**
 * Tells how a node goes, on the status line of its screen, until it is stopped.
 *
 * 1. The rate is that of the last second, also in a log file, which gets a line more seldom.
 * 2. Counting the actors, which may wait for a busy store, delays no line: a line shows the count before it.
 */

import type { ActorCount } from "./actor_count.ts";
import { RateMeter } from "../rate_meter.ts";
import { renderSummary, type Screen } from "./screen.ts";

/** What the summary reads of a node. */
export interface Progress {
  readonly accepted: number;
  readonly deadLetters: number;
}

export interface LiveSummaryOptions {
  readonly screen: Screen;
  readonly isTerminal: boolean;
  progress(): Progress;
  readonly actors: Pick<ActorCount, "current" | "refresh">;
}

const intervalMs = 1000;
/** On a terminal the line moves; in a log file it must not fill the disk. */
const ticksPerLine = { terminal: 1, file: 10 };

export class LiveSummary {
  readonly #options: LiveSummaryOptions;
  readonly #rate: RateMeter;
  #ticks = 0;

  constructor(options: LiveSummaryOptions, atMs: number) {
    this.#options = options;
    this.#rate = new RateMeter(options.progress().accepted, atMs);
    options.actors.refresh();
  }

  /** To be called every second. */
  tick(atMs: number): void {
    const { screen, isTerminal, progress, actors } = this.#options;
    const { accepted, deadLetters } = progress();
    const readingsPerSecond = this.#rate.perSecond(accepted, atMs);
    this.#ticks++;
    actors.refresh();
    if (this.#ticks % (isTerminal ? ticksPerLine.terminal : ticksPerLine.file) !== 0) return;
    screen.status(renderSummary({ readingsPerSecond, actors: actors.current, deadLetters }));
  }
}

/** Returns a function that stops it. */
export function startLiveSummary(options: LiveSummaryOptions): () => void {
  const summary = new LiveSummary(options, performance.now());
  const timer = setInterval(() => summary.tick(performance.now()), intervalMs);
  return () => clearInterval(timer);
}
