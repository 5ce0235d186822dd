/**
 * How the Numenta Anomaly Benchmark scores detections, written from its description: Lavin & Ahmad 2015,
 * "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark", section II.C (arXiv
 * 1510.03336), and for the exact positions https://github.com/numenta/NAB/wiki.
 *
 * 1. Only the first detection in a window counts: 1 at its left edge, near 0 at its right edge, by a sigmoid.
 * 2. A window without one costs `falseNegative`.
 * 3. A detection outside costs up to `falsePositive`: nothing where a window has just ended, nearly all of it a
 *    window's length later, all of it where no window came before.
 * 4. The first rows of a file are its probation: nothing there counts.
 */

/** What each outcome weighs. */
export interface Profile {
  readonly name: string;
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly falseNegative: number;
}

export const standard: Profile = { name: "standard", truePositive: 1, falsePositive: 0.11, falseNegative: 1 };
export const profiles: readonly Profile[] = [
  standard,
  { ...standard, name: "reward low FP", falsePositive: 0.22 },
  { ...standard, name: "reward low FN", falseNegative: 2 },
];

/** Rows `from` to `to` of a file, both included. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface FileScore {
  /** Before it is put on the scale from null detector to perfect one. */
  readonly raw: number;
  readonly windows: number;
  readonly detected: number;
  readonly falsePositives: number;
}

const probationShare = 0.15;
const mostProbationRows = 750;
/** Further behind a window, in its lengths, a detection has nothing to do with it. */
const farBehind = 3;

export function probationRows(rows: number): number {
  return Math.min(Math.floor(probationShare * rows), mostProbationRows);
}

/** `position` in windows' lengths from the right edge: -1 is the left edge, above 0 is behind it. */
function scaledSigmoid(position: number): number {
  return position > farBehind ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

function hitValue({ from, to }: Window, row: number): number {
  const length = to - from + 1;
  return scaledSigmoid(-(to - row + 1) / length) / scaledSigmoid(-1);
}

/** At most 0: what a detection at `row` is worth, that comes after `window`, or after none. */
function falseAlarmValue(window: Window | undefined, row: number): number {
  if (window === undefined) return -1;
  // A window of one row has no length to be measured by.
  const length = Math.max(1, window.to - window.from);
  return scaledSigmoid((row - window.to) / length);
}

/**
 * Scores one file.
 *
 * @param rows how many it has
 * @param windows in order, none overlapping
 * @param detections rows, ascending
 */
export function scoreFile(
  rows: number,
  windows: readonly Window[],
  detections: readonly number[],
  profile: Profile,
): FileScore {
  const counted = detections.filter((row) => row >= probationRows(rows));
  const hits = windows.map(({ from, to }) => counted.find((row) => row >= from && row <= to));
  const outside = counted.filter((row) => windows.every(({ from, to }) => row < from || row > to));
  const found = windows.reduce((sum, window, i) => {
    const row = hits[i];
    return sum + (row === undefined ? -profile.falseNegative : profile.truePositive * hitValue(window, row));
  }, 0);
  const alarms = outside.reduce(
    (sum, row) => sum + profile.falsePositive * falseAlarmValue(windows.findLast(({ to }) => to < row), row),
    0,
  );
  return {
    raw: found + alarms,
    windows: windows.length,
    detected: hits.filter((row) => row !== undefined).length,
    falsePositives: outside.length,
  };
}

/** The score of all files together: 0 is a detector that never reports, 100 one that is perfect. */
export function normalized(files: readonly FileScore[], profile: Profile): number {
  const windows = files.reduce((sum, file) => sum + file.windows, 0);
  if (windows === 0) throw new RangeError("Cannot put a score on its scale: no file has an anomaly window");
  const raw = files.reduce((sum, file) => sum + file.raw, 0);
  const silent = -profile.falseNegative * windows;
  return 100 * (raw - silent) / (profile.truePositive * windows - silent);
}
