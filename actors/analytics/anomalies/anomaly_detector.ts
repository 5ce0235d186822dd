/**
 * An online anomaly score of one series from its own recent behaviour.
 *
 * 1. `update` is a function of the state and its arguments; it costs the same whatever came before.
 * 2. decode(encode()) goes on exactly as the detector itself would.
 * 3. A score is a number from 0 to 1, whatever values and times come: any order, gaps, repetitions.
 * 4. Adding a constant to a series, or multiplying it by one, changes scores by rounding only.
 *
 * Five statistics are watched, each for how rarely it strayed so far before (`tail_memory.ts`): the distance
 * from the usual level; from the last few values; the first one averaged over some values; how much the series
 * moves from value to value; the distance from the centre of a long past. The rarest one is the score. Scoring recent errors by the tail of their own
 * past follows Lavin & Ahmad 2015, "Evaluating Real-Time Anomaly Detection Algorithms", section II.B; the tails
 * here are the data's instead of Gaussian.
 */

import { FormatError } from "../../../runtime/core/errors.ts";
import { DailyProfile } from "./daily_profile.ts";
import { Excursion, isCalm } from "./excursion.ts";
import {
  defaultThreshold,
  fullDecades,
  gapSteps,
  largestTimeMs,
  largestValue,
  learntScales,
  longestLearntStep,
  mostOctaves,
  outlierScales,
  scaleValues,
  settlingValues,
  stepShare,
  sustainedValues,
  tailValues,
  warmUpValues,
} from "./limits.ts";
import type { Score, Why } from "./score.ts";
import { TailMemory } from "./tail_memory.ts";
import { UsualLevel } from "./usual_level.ts";

export interface AnomalyParameters {
  /** The score from which a value is an anomaly, above 0 and at most 1; 0.5 unless told. */
  readonly threshold?: number;
}

const formatVersion = 1;

// Places of the detector's own numbers.
const thresholdAt = 0;
const countAt = 1;
const lastMsAt = 2;
const stepMsAt = 3;
const lastValueAt = 4;
const driftAt = 5;
const motionAt = 6;
const usualMotionAt = 7;
const centreAt = 8;
const ownNumbers = 9;

// Places of the statistics.
const awayAt = 0;
const leapAt = 1;
const shiftAt = 2;
const restlessAt = 3;
const offCentreAt = 4;
const statistics = 5;
const everyStatistic = [awayAt, leapAt, shiftAt, restlessAt, offCentreAt];

const numberCount = ownNumbers + UsualLevel.numbers + Excursion.numbers + statistics * TailMemory.numbers;
const floatCount = statistics * TailMemory.bins + DailyProfile.levels;
const stateBytes = 8 * numberCount + 4 * floatCount + DailyProfile.counts;

const reasons: readonly (readonly [below: Why, above: Why])[] = [
  ["far below its usual level", "far above its usual level"],
  ["sudden fall", "sudden rise"],
  ["shifted down", "shifted up"],
  ["flatter than usual", "busier than usual"],
  ["far below its usual range", "far above its usual range"],
];

export class AnomalyDetector {
  readonly #state: Uint8Array<ArrayBuffer>;
  readonly #numbers: Float64Array;
  readonly #level: UsualLevel;
  readonly #excursion: Excursion;
  readonly #tails: readonly TailMemory[];
  /** The statistics of the value at hand. */
  readonly #strays = new Float64Array(statistics);

  private constructor(state: Uint8Array<ArrayBuffer>) {
    this.#state = state;
    let at = 0;
    const numbers = (count: number) => new Float64Array(state.buffer, (at += 8 * count) - 8 * count, count);
    const floats = (count: number) => new Float32Array(state.buffer, (at += 4 * count) - 4 * count, count);
    this.#numbers = numbers(ownNumbers);
    const level = numbers(UsualLevel.numbers);
    this.#excursion = new Excursion(numbers(Excursion.numbers));
    const tails = everyStatistic.map(() => numbers(TailMemory.numbers));
    this.#tails = tails.map((view) => new TailMemory(view, floats(TailMemory.bins)));
    const profile = floats(DailyProfile.levels);
    const counts = new Uint8Array(state.buffer, at, DailyProfile.counts);
    this.#level = new UsualLevel(level, new DailyProfile(profile, counts));
  }

  /** @throws RangeError where the threshold is none. */
  static create({ threshold = defaultThreshold }: AnomalyParameters = {}): AnomalyDetector {
    if (!(threshold > 0 && threshold <= 1)) {
      throw new RangeError(
        `Cannot detect anomalies by a threshold of ${threshold}: above 0 and at most 1 is needed`,
      );
    }
    const detector = new AnomalyDetector(new Uint8Array(stateBytes));
    detector.#numbers[thresholdAt] = threshold;
    return detector;
  }

  /** @throws FormatError where these are not bytes of `encode()`. */
  static decode(bytes: Uint8Array): AnomalyDetector {
    if (bytes[0] !== formatVersion || bytes.length !== 1 + stateBytes) {
      throw new FormatError(
        `Cannot read an anomaly detector of version ${bytes[0]} and ${bytes.length} bytes: ` +
          `version ${formatVersion} has ${1 + stateBytes}`,
      );
    }
    const state = new Uint8Array(stateBytes);
    state.set(bytes.subarray(1));
    const numbers = new Float64Array(state.buffer, 0, numberCount);
    const floats = new Float32Array(state.buffer, 8 * numberCount, floatCount);
    if (!numbers.every(Number.isFinite) || !floats.every(Number.isFinite)) {
      throw new FormatError("Cannot read an anomaly detector: its state holds what no detector has");
    }
    return new AnomalyDetector(state);
  }

  /** Bytes of `encode()`: always the same. */
  /** Whether a value of that time tells it anything: an older one than the last does only while values are missing. */
  wants(tsMs: number): boolean {
    return tsMs >= this.#numbers[lastMsAt]! || this.#numbers[countAt]! <= warmUpValues;
  }

  get bytes(): number {
    return 1 + stateBytes;
  }

  /** The whole state, as the processor has it: every processor that Deno runs on is little-endian. */
  encode(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(1 + stateBytes);
    bytes[0] = formatVersion;
    bytes.set(this.#state, 1);
    return bytes;
  }

  /** Scores the value of `tsMs`, epoch milliseconds, and learns it. What is not finite or far too large is refused. */
  update(tsMs: number, value: number): Score {
    if (!(Math.abs(tsMs) <= largestTimeMs && Math.abs(value) <= largestValue)) {
      return { ...this.#quiet(this.#numbers[lastMsAt]!), why: "not a number that can be scored" };
    }
    const isGap = this.#passTime(tsMs);
    const bounded = this.#bounded(tsMs, value);
    this.#compare(tsMs, bounded, isGap);
    const answer = this.#judge(tsMs);
    this.#learn(tsMs, bounded);
    return answer;
  }

  /** Counts the value in; answers whether so much time passed that the last values say nothing of this one. */
  #passTime(tsMs: number): boolean {
    const numbers = this.#numbers;
    const count = ++numbers[countAt]!;
    const passedMs = tsMs - numbers[lastMsAt]!;
    const stepMs = numbers[stepMsAt]!;
    numbers[lastMsAt] = tsMs;
    if (count === 1) return true;
    if (passedMs > 0) {
      const bounded = stepMs === 0 ? passedMs : Math.min(passedMs, longestLearntStep * stepMs);
      numbers[stepMsAt] = stepMs + (bounded - stepMs) * Math.max(1 / (count - 1), stepShare);
    }
    return stepMs > 0 && Math.abs(passedMs) > gapSteps * stepMs;
  }

  /** The value, or where that is nearer, the furthest one from the usual level that teaches anything. */
  #bounded(tsMs: number, value: number): number {
    const away = this.#tails[awayAt]!;
    if (away.isLearning || away.scale === 0) return value;
    const expected = this.#level.expected(tsMs);
    const furthest = outlierScales * away.scale;
    return Math.max(expected - furthest, Math.min(expected + furthest, value));
  }

  /** Works out the statistics of a value. */
  #compare(tsMs: number, value: number, isGap: boolean): void {
    const numbers = this.#numbers;
    const away = numbers[countAt] === 1 ? 0 : value - this.#level.expected(tsMs);
    numbers[driftAt]! += (away - numbers[driftAt]!) / sustainedValues;
    if (!isGap) this.#move(Math.abs(value - numbers[lastValueAt]!));
    numbers[lastValueAt] = value;
    this.#strays[awayAt] = away;
    this.#strays[leapAt] = isGap ? 0 : this.#level.leap(tsMs, value);
    this.#strays[shiftAt] = numbers[driftAt]!;
    this.#strays[restlessAt] = this.#restlessness();
    this.#strays[offCentreAt] = this.#distanceFromCentre(value);
  }

  #move(distance: number): void {
    const numbers = this.#numbers;
    numbers[motionAt]! += (distance - numbers[motionAt]!) / sustainedValues;
    const share = Math.max(1 / numbers[countAt]!, 1 / scaleValues);
    numbers[usualMotionAt]! += (distance - numbers[usualMotionAt]!) * share;
  }

  /** How much the series moves from value to value of late, in octaves of what it usually does. */
  #restlessness(): number {
    const motion = this.#numbers[motionAt]!;
    const usual = this.#numbers[usualMotionAt]!;
    if (motion === usual) return 0;
    // Differences of logarithms, because the quotient of two tiny numbers may overflow.
    return Math.max(-mostOctaves, Math.min(mostOctaves, Math.log2(motion) - Math.log2(usual)));
  }

  #distanceFromCentre(value: number): number {
    const numbers = this.#numbers;
    const count = numbers[countAt]!;
    const distance = value - numbers[centreAt]!;
    const bound = count <= settlingValues ? Infinity : learntScales * this.#tails[offCentreAt]!.scale;
    numbers[centreAt]! += Math.max(-bound, Math.min(bound, distance)) * Math.max(1 / count, 1 / tailValues);
    return distance;
  }

  #judge(tsMs: number): Score {
    const numbers = this.#numbers;
    if (numbers[countAt]! <= warmUpValues) return this.#quiet(tsMs);
    let decades = 0;
    let rarest = 0;
    for (let i = 0; i < statistics; i++) {
      const found = this.#tails[i]!.decades(this.#strays[i]!);
      if (found <= decades) continue;
      decades = found;
      rarest = i;
    }
    const threshold = numbers[thresholdAt]!;
    const score = decades / fullDecades;
    const isAnomaly = this.#excursion.detects(score, threshold);
    const why = isCalm(score, threshold) ? "usual" : reasons[rarest]![this.#strays[rarest]! < 0 ? 0 : 1];
    return { ...this.#quiet(tsMs), score, isAnomaly, why };
  }

  #learn(tsMs: number, value: number): void {
    const numbers = this.#numbers;
    const isNewLevel = this.#level.learn(tsMs, value, numbers[stepMsAt]!);
    if (numbers[countAt]! <= settlingValues) return;
    const share = this.#excursion.teaches;
    for (let i = 0; i < statistics; i++) this.#tails[i]!.learn(this.#strays[i]!, share);
    if (this.#excursion.accepts()) this.#accept();
    else if (isNewLevel) this.#relearn([awayAt, leapAt, shiftAt]);
  }

  /** What has lasted is the new usual. */
  #accept(): void {
    this.#numbers[usualMotionAt] = this.#numbers[motionAt]!;
    this.#level.accept();
    this.#relearn(everyStatistic);
  }

  /** Forgets how these statistics were: the level that they are measured from is another. */
  #relearn(places: readonly number[]): void {
    this.#numbers[driftAt] = 0;
    for (const at of places) this.#tails[at]!.relearn();
  }

  /** What is said of a value that is like the others, or comes before there are scores. */
  #quiet(tsMs: number): Score {
    const missing = Math.max(0, warmUpValues + 1 - this.#numbers[countAt]!);
    return {
      score: 0,
      isAnomaly: false,
      why: missing > 0 ? "not enough values yet" : "usual",
      expected: this.#level.expected(tsMs),
      scale: this.#tails[awayAt]!.scale,
      missing,
    };
  }
}
