/** What the numbers of a series come to, in words. */

import type { Finding } from "../finding.ts";
import type { Metadata, Stationarity } from "./metadata.ts";

function stationarityText({ verdict }: Stationarity): string {
  switch (verdict) {
    case "stationary":
      return "stationary";
    case "not-stationary":
      return "not stationary";
    case "changing-level":
      return "not stationary: its level changes";
    case "unsure":
      return "stationary or not: too few points to say";
  }
}

function reasonOf(finding: Finding<unknown>): string | null {
  return finding.known ? null : finding.reason;
}

/** As in "not stationary; season of 24 samples, strength 0.83; rising". */
export function verdictOf(
  { moments, stationarity, seasonality, trend, gaps }: Omit<Metadata, "verdict">,
): string {
  const parts: string[] = [];
  // A few equal values may be all there are yet.
  const isConstant = moments.known && moments.value.min === moments.value.max && seasonality.known;
  if (isConstant) parts.push("constant");
  else if (stationarity.known) parts.push(stationarityText(stationarity.value));
  else parts.push(`not enough information because ${reasonOf(stationarity)}`);
  if (seasonality.known && stationarity.known) {
    const { seasons } = seasonality.value;
    for (const { period, strength } of seasons) {
      parts.push(`season of ${period} samples, strength ${strength.toFixed(2)}`);
    }
    if (seasons.length === 0) parts.push("no season");
  }
  if (trend.known && trend.value.direction !== "none") parts.push(trend.value.direction);
  if (gaps.missing > 0) parts.push(`${gaps.missing} of ${gaps.steps} steps without a value`);
  return parts.join("; ");
}
