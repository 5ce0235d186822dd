/**
 * Shows a run while it runs: one line rewritten on a terminal, a line now and then elsewhere. Of a server that is
 * gone it says once that it waits, where lines stay.
 */

import { logProgressMs, terminalProgressMs } from "./limits.ts";
import { progressText, waiting } from "./report.ts";
import type { Phase } from "./run.ts";

const encoder = new TextEncoder();

export class ProgressLines {
  readonly #isTerminal: boolean;
  #before: { readonly phase: Phase; readonly atMs: number; readonly accepted: number } | null = null;
  /** Since when the silence lasts that was told. */
  #toldSinceMs: number | null = null;

  constructor(isTerminal: boolean) {
    this.#isTerminal = isTerminal;
  }

  /** The line to show now; null when there is nothing new. */
  next(phase: Phase, atMs: number): string | null {
    const silence = waiting(phase, atMs);
    if (silence !== null) {
      if (this.#isTerminal) return `${silence.text}, ${Math.floor((atMs - silence.sinceMs) / 1000)} s so far`;
      if (this.#toldSinceMs === silence.sinceMs) return null;
      this.#toldSinceMs = silence.sinceMs;
      return silence.text;
    }
    const before = this.#before?.phase === phase ? this.#before : { atMs: phase.startedAtMs, accepted: 0 };
    this.#before = { phase, atMs, accepted: phase.tally.accepted };
    return progressText(phase, atMs, before.atMs, before.accepted);
  }
}

/** Returns a function that ends the display. */
export function showProgress(current: () => Phase | null): () => void {
  const isTerminal = Deno.stdout.isTerminal();
  const lines = new ProgressLines(isTerminal);
  let isLineOpen = false;

  const show = () => {
    const phase = current();
    const text = phase === null ? null : lines.next(phase, performance.now());
    if (text === null) return;
    Deno.stdout.writeSync(encoder.encode(isTerminal ? `\r${text}\x1b[K` : `${text}\n`));
    isLineOpen = isTerminal;
  };

  const timer = setInterval(show, isTerminal ? terminalProgressMs : logProgressMs);
  return () => {
    clearInterval(timer);
    if (isLineOpen) Deno.stdout.writeSync(encoder.encode("\n"));
  };
}
