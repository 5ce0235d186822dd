/** When a back-filled sensor was read: once for every pane that the rings keep. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** From coarse to fine, up to how long ago each step is used. Before all of these: one reading per 5 minutes. */
const resolutions = [
  { fromAgoMs: 12 * hourMs, toAgoMs: 3 * hourMs, stepMs: 15 * minuteMs },
  { fromAgoMs: 3 * hourMs, toAgoMs: hourMs, stepMs: 5 * minuteMs },
  { fromAgoMs: hourMs, toAgoMs: 0, stepMs: minuteMs },
] as const;

function* every(stepMs: number, fromAgoMs: number, toAgoMs: number): Generator<number> {
  const first = toAgoMs + Math.floor((fromAgoMs - toAgoMs) / stepMs) * stepMs;
  for (let agoMs = first; agoMs > toAgoMs; agoMs -= stepMs) yield agoMs;
}

/**
 * How long before the present each reading was taken, oldest first, whole minutes.
 *
 * @param historyMs how far back to begin; 12 h give 36 + 24 + 60 = 120 readings
 */
export function historyAgesMs(historyMs: number): number[] {
  const oldest = resolutions[0].fromAgoMs;
  const agesMs = historyMs > oldest ? [...every(5 * minuteMs, historyMs, oldest)] : [];
  for (const { fromAgoMs, toAgoMs, stepMs } of resolutions) {
    agesMs.push(...every(stepMs, Math.min(fromAgoMs, historyMs), toAgoMs));
  }
  return agesMs;
}
