/** Results of each kind, as the node writes them. */

import type { Result } from "../../actors/results/result.ts";

export const noonMs = Date.UTC(2026, 0, 31, 12);
export const place = { topic: "prometheusdata", part: 0 };

export function values(series: string, at: number, max = 5): Result {
  const window = { from: at - 3_600_000, to: at, count: 4, max, min: 1, avg: 2.5, std: null };
  const id = `values/${series}/${at}`;
  return { v: 1, kind: "values", id, series, at, tookMs: 1.5, windows: { "1h": window, "12h": window } };
}

export function metadata(series: string, at: number): Result {
  return {
    v: 1,
    kind: "metadata",
    id: `metadata/${series}/${at}`,
    series,
    at,
    tookMs: 20,
    metadata: {
      verdict: "stationary; season of 24 samples",
      autocorrelation: { known: false, reason: "é" },
      stationarity: { known: true, value: { verdict: "stationary" } },
      seasonality: { known: true, value: { seasons: [{ period: 24, strength: 0.83 }] } },
    },
  };
}

export function forecast(series: string, at: number): Result {
  const extreme = { value: 1, lower80: 0, upper80: 2, lower95: -1, upper95: 3 };
  const line = [1, 2];
  return {
    v: 1,
    kind: "forecast",
    id: `forecast/${series}/${at}`,
    series,
    at,
    tookMs: 90,
    forecast: {
      method: "theta",
      startMs: at,
      stepMs: 60_000,
      path: line,
      lower80: line,
      upper80: line,
      lower95: line,
      upper95: line,
      max: extreme,
      min: extreme,
      avg: extreme,
      mase: 0.7,
    },
  };
}
