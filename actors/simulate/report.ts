/** What a run says of itself: the progress line and the closing report, as text. */

import { giveUpMs, silenceMs } from "./limits.ts";
import type { FinishedPhase, Phase } from "./run.ts";

const grouped = new Intl.NumberFormat("en");

function count(value: number): string {
  return grouped.format(Math.round(value));
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? "none" : `${value < 10 ? value.toFixed(1) : count(value)} ms`;
}

function latencyText({ tally: { latencies } }: Phase): string {
  const p50 = milliseconds(latencies.quantileMs(0.5));
  const p99 = milliseconds(latencies.quantileMs(0.99));
  return `p50 ${p50}, p99 ${p99}, max ${milliseconds(latencies.maxMs)}`;
}

/** Why there is no progress to show: nothing answers, and for how long; null when something does. */
export interface Waiting {
  readonly sinceMs: number;
  /** Without what changes while nothing happens. */
  readonly text: string;
}

export function waiting(
  { stream, tally: { silentSinceMs, lastTrouble } }: Phase,
  atMs: number,
): Waiting | null {
  if (silentSinceMs === null || atMs - silentSinceMs < silenceMs) return null;
  const text = `${stream.name}: waiting for the server (${lastTrouble}); ` +
    `gives up after ${giveUpMs / 1000} s without an accepted body`;
  return { sinceMs: silentSinceMs, text };
}

/** @param atMs and the two of the line before give the speed of late */
export function progressText(phase: Phase, atMs: number, beforeMs: number, acceptedBefore: number): string {
  const { tally, stream } = phase;
  const speed = (tally.accepted - acceptedBefore) * 1000 / Math.max(1, atMs - beforeMs);
  const done = stream.name === "history" ? ` ${(100 * tally.accepted / stream.readings).toFixed(0)} %,` : "";
  const trouble = tally.repeatedBodies > 0 || tally.refused > 0
    ? `; ${count(tally.repeatedBodies)} bodies repeated, ${count(tally.refused)} readings refused`
    : "";
  return `${stream.name}:${done} ${count(tally.accepted)} accepted, ${count(speed)}/s, ` +
    `${latencyText(phase)}${trouble}`;
}

function phaseReport(phase: FinishedPhase): string {
  const { tally, ledger, stream, tookMs } = phase;
  const rows = [
    ["sent", `${count(tally.sent)} readings in ${(tookMs / 1000).toFixed(1)} s`],
    ["accepted", `${count(tally.accepted)}, ${count(tally.accepted * 1000 / tookMs)}/s`],
    ["refused", count(tally.refused)],
    ["repeated", `${count(tally.repeatedBodies)} bodies`],
    ["latency", `${latencyText(phase)}, of a body from when it was due`],
    ...(ledger.unanswered.length === 0 ? [] : [["unanswered", `${count(ledger.unanswered.length)} bodies`]]),
    ...(tally.lastTrouble === null ? [] : [["last trouble", tally.lastTrouble]]),
  ];
  const title = `${stream.name}, seed ${stream.plan.seed}, origin ${stream.plan.originMs}`;
  return [title, ...rows.map(([name, value]) => `  ${String(name).padEnd(13)}${value}`)].join("\n");
}

export function closingReport(phases: readonly FinishedPhase[]): string {
  return phases.length === 0 ? "Nothing was sent." : phases.map(phaseReport).join("\n");
}
