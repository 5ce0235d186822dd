/** Tells how a node goes, on the status line of its screen, until it is stopped. */

import { renderSummary, type Screen } from "./screen.ts";

/** What the summary reads of a node. */
export interface Progress {
  readonly messages: number;
  readonly deadLetters: number;
}

export interface LiveSummaryOptions {
  readonly screen: Screen;
  readonly isTerminal: boolean;
  progress(): Progress;
  countActors(): Promise<number>;
  onFailure(error: unknown): void;
}

/** On a terminal the line moves; in a log file it must not fill the disk. */
const intervalMs = { terminal: 1000, file: 10_000 };
/** Counting walks the store's index: seldom enough not to be felt with millions of actors. */
const countIntervalMs = 10_000;

/** Returns a function that stops it. */
export function startLiveSummary(options: LiveSummaryOptions): () => void {
  const { screen, isTerminal, progress, countActors, onFailure } = options;
  const everyMs = isTerminal ? intervalMs.terminal : intervalMs.file;
  let actors = 0;
  let countedMs = -Infinity;
  let before = { ...progress(), atMs: performance.now() };

  const tell = async () => {
    const now = { ...progress(), atMs: performance.now() };
    if (now.atMs - countedMs >= countIntervalMs) {
      countedMs = now.atMs;
      actors = await countActors();
    }
    const messagesPerSecond = (now.messages - before.messages) * 1000 / (now.atMs - before.atMs);
    before = now;
    screen.status(renderSummary({ messagesPerSecond, actors, deadLetters: now.deadLetters }));
  };
  const timer = setInterval(() => tell().catch(onFailure), everyMs);
  return () => clearInterval(timer);
}
