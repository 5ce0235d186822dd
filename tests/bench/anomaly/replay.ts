/** The detector over files: what it reports, and what it costs. */

import { AnomalyDetector } from "../../../actors/analytics/anomalies/anomaly_detector.ts";
import type { LabelledFile } from "./nab_files.ts";
import { type FileScore, normalized, type Profile, scoreFile } from "./nab_score.ts";

/** The rows at which a detector with this threshold, new for the file, reports an anomaly. */
export function detections({ timesMs, values }: LabelledFile, threshold?: number): readonly number[] {
  const detector = AnomalyDetector.create(threshold === undefined ? {} : { threshold });
  const rows: number[] = [];
  values.forEach((value, row) => {
    if (detector.update(timesMs[row]!, value).isAnomaly) rows.push(row);
  });
  return rows;
}

export function scoreOf(file: LabelledFile, rows: readonly number[], profile: Profile): FileScore {
  return scoreFile(file.values.length, file.windows, rows, profile);
}

/** Microseconds a value, once for each `batchValues` values. */
export function costsUs(files: readonly LabelledFile[], batchValues = 500): readonly number[] {
  return files.flatMap(({ timesMs, values }) => {
    const detector = AnomalyDetector.create();
    const costs: number[] = [];
    for (let from = 0; from + batchValues <= values.length; from += batchValues) {
      const began = performance.now();
      for (let row = from; row < from + batchValues; row++) detector.update(timesMs[row]!, values[row]!);
      costs.push(1000 * (performance.now() - began) / batchValues);
    }
    return costs;
  });
}

export interface ThresholdCheck {
  readonly thresholds: readonly number[];
  /** The score that each threshold would have had, over all files. */
  readonly scores: readonly number[];
  /** The score where each file gets the threshold that is best for the others. */
  readonly leftOut: number;
}

/** Whether the threshold was fitted to the files: then its neighbours are far worse, and so is leaving a file out. */
export function checkThreshold(
  files: readonly LabelledFile[],
  thresholds: readonly number[],
  profile: Profile,
): ThresholdCheck {
  const byThreshold = thresholds.map((threshold) =>
    files.map((file) => scoreOf(file, detections(file, threshold), profile))
  );
  const rawOthers = (scores: readonly FileScore[], without: number) =>
    scores.reduce((sum, { raw }, i) => i === without ? sum : sum + raw, 0);
  const leftOut = files.map((_, without) => {
    const others = byThreshold.map((scores) => rawOthers(scores, without));
    return byThreshold[others.indexOf(Math.max(...others))]![without]!;
  });
  return {
    thresholds,
    scores: byThreshold.map((scores) => normalized(scores, profile)),
    leftOut: normalized(leftOut, profile),
  };
}
