/** The plain recomputation that windows, totals and history are compared with: arrays, loops, no panes. */

import type { Values } from "../../actors/analytics/window_state.ts";

export interface SentReading {
  readonly ts: number | null;
  readonly seq: number | null;
  readonly values: Values;
  readonly isImport: boolean;
  readonly nowMs: number;
}

interface Counted {
  readonly ts: number;
  readonly values: Values;
}

export interface Statistics {
  readonly count: number;
  readonly sum: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly stdSample: number | null;
  readonly stdPopulation: number | null;
}

const minute = 60_000;

/** Two passes over the values. */
export function statistics(values: readonly number[]): Statistics {
  const count = values.length;
  const sum = values.reduce((a, b) => a + b, 0);
  if (count === 0) {
    return { count, sum, min: null, max: null, mean: null, stdSample: null, stdPopulation: null };
  }
  const mean = sum / count;
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
  return {
    count,
    sum,
    min: Math.min(...values),
    max: Math.max(...values),
    mean,
    stdSample: count < 2 ? null : Math.sqrt(squares / (count - 1)),
    stdPopulation: Math.sqrt(squares / count),
  };
}

export class Oracle {
  readonly counted: Counted[] = [];
  readonly deadLetters: number[] = [];
  late = 0;
  duplicates = 0;
  tooOld = 0;
  readonly #seen = new Set<number>();
  readonly last = new Map<string, { ts: number; value: number }>();

  newestMs = -Infinity;

  /** Oldest time of the one-minute, five-minute and quarter-hour panes. */
  tiers(): [number, number, number] {
    const head = Math.floor(this.newestMs / minute);
    const fives = Math.floor((head - 61) / 5) - 24;
    const quarters = Math.floor((fives - 1) / 3) - 36;
    return [(head - 60) * minute, fives * 5 * minute, quarters * 15 * minute];
  }

  send({ ts, seq, values, isImport, nowMs }: SentReading): void {
    const at = ts ?? nowMs;
    if (seq !== null) {
      const highest = Math.max(-1, ...this.#seen);
      if (highest - seq >= 256) {
        this.tooOld++;
        return;
      }
      if (this.#seen.has(seq)) {
        this.duplicates++;
        return;
      }
    }
    if (at > nowMs + 5 * minute) {
      this.deadLetters.push(at);
      return;
    }
    if (seq !== null) this.#seen.add(seq);
    this.counted.push({ ts: at, values });
    this.newestMs = Math.max(this.newestMs, at);
    if (at < this.tiers()[2] && !isImport) this.late++;
    for (const [name, value] of Object.entries(values)) {
      if (at >= (this.last.get(name)?.ts ?? 0)) this.last.set(name, { ts: at, value: Number(value) });
    }
  }

  channels(): string[] {
    return [...new Set(this.counted.flatMap(({ values }) => Object.keys(values)))];
  }

  values(channel: string, fromMs: number, toMs: number): number[] {
    return this.counted
      .filter(({ ts, values }) => ts >= fromMs && ts < toMs && Object.hasOwn(values, channel))
      .map(({ values }) => Number(values[channel]));
  }

  /** Length of the pane that contains a time. */
  paneMs(atMs: number): number {
    const [ones, fives] = this.tiers();
    const start = Math.floor(atMs / minute) * minute;
    if (start >= ones) return minute;
    return Math.floor(start / (5 * minute)) * 5 * minute >= fives ? 5 * minute : 15 * minute;
  }

  bounds(endMs: number, spanMs: number): { from: number; to: number } {
    const startOf = (ms: number) => Math.floor(ms / this.paneMs(ms)) * this.paneMs(ms);
    const to = startOf(endMs) + this.paneMs(endMs);
    return { from: Math.min(to, Math.max(startOf(endMs - spanMs), this.tiers()[2])), to };
  }

  window(channel: string, endMs: number, spanMs: number) {
    const { from, to } = this.bounds(endMs, spanMs);
    const { sum: _, ...summary } = statistics(this.values(channel, from, to));
    const last = this.last.get(channel)!;
    return { from, to, ...summary, last: last.ts >= from && last.ts < to ? last : null };
  }

  history(channel: string, stepMs: number): { start: number; statistics: Statistics }[] {
    const buckets = Map.groupBy(
      this.counted.filter(({ values }) => Object.hasOwn(values, channel)),
      ({ ts }) => Math.floor(ts / stepMs) * stepMs,
    );
    return [...buckets].sort(([a], [b]) => a - b).map(([start, readings]) => ({
      start,
      statistics: statistics(readings.map(({ values }) => Number(values[channel]))),
    }));
  }
}
