/** Shows a run while it runs: one line rewritten on a terminal, a line now and then elsewhere. */

import { logProgressMs, terminalProgressMs } from "./limits.ts";
import { progressText } from "./report.ts";
import type { Phase } from "./run.ts";

const encoder = new TextEncoder();

/** Returns a function that ends the display. */
export function showProgress(current: () => Phase | null): () => void {
  const isTerminal = Deno.stdout.isTerminal();
  let before: { phase: Phase; atMs: number; accepted: number } | null = null;
  let isLineOpen = false;

  const show = () => {
    const phase = current();
    if (phase === null) return;
    const atMs = performance.now();
    const { atMs: beforeMs, accepted } = before?.phase === phase
      ? before
      : { atMs: phase.startedAtMs, accepted: 0 };
    const text = progressText(phase, atMs, beforeMs, accepted);
    before = { phase, atMs, accepted: phase.tally.accepted };
    Deno.stdout.writeSync(encoder.encode(isTerminal ? `\r${text}\x1b[K` : `${text}\n`));
    isLineOpen = isTerminal;
  };

  const timer = setInterval(show, isTerminal ? terminalProgressMs : logProgressMs);
  return () => {
    clearInterval(timer);
    if (isLineOpen) Deno.stdout.writeSync(encoder.encode("\n"));
  };
}
