/**
 * How rarely a statistic strays so far, from what it did before.
 *
 * 1. Only the statistic's own past counts, in units of its usual size: no distribution is assumed but for the
 *    shape of its tails, and multiplying the statistic by a constant changes nothing.
 * 2. A tail is Weibull's, P(> r) = exp(−(r/a)^b), fitted through two quantiles of the past. Gaussian,
 *    exponential and lognormal-like tails are near it (Gardes & Girard 2008, "Estimation of the Weibull
 *    tail-coefficient with linear combination of upper order statistics").
 * 3. Nothing here is NaN or infinite, whatever finite values come.
 *
 * The past is a histogram of log2(size) for each sign. Instead of shrinking all its bins, each new value weighs
 * a little more than the last (forward decay: Cormode, Shkapenyuk, Srivastava & Xu 2009).
 */

import {
  fullDecades,
  innerFactor,
  knownValues,
  learntScales,
  leastOuterValues,
  leastScales,
  leastSideShare,
  outerShare,
  outlierScales,
  scaleValues,
  settlingValues,
  steepestTail,
  tailValues,
} from "./limits.ts";

const binsPerOctave = 3;
const sideBins = 26;
/** The first bin begins at 2^-2 usual sizes and holds all below, too; the last begins near 2^6. */
const firstBin = -2 * binsPerOctave;

const scaleAt = 0;
const countAt = 1;
const totalAt = 2;
const weightAt = 3;
const largestAt = 4;

/** Beyond it weights are scaled back: far from where 32-bit floats end. */
const largestWeight = 1e9;

function binOf(octaves: number): number {
  return Math.max(0, Math.min(sideBins - 1, Math.floor(octaves * binsPerOctave) - firstBin));
}

function sideAt(value: number): number {
  return value < 0 ? 0 : sideBins;
}

export class TailMemory {
  static readonly numbers = 5;
  static readonly bins = 2 * sideBins;

  readonly #numbers: Float64Array;
  readonly #bins: Float32Array;

  /** Over memory of `TailMemory.numbers` and `TailMemory.bins` entries; zeros are an empty past. */
  constructor(numbers: Float64Array, bins: Float32Array) {
    this.#numbers = numbers;
    this.#bins = bins;
    if (numbers[weightAt] === 0) numbers[weightAt] = 1;
  }

  /** The mean size of the statistic: 0 while it never was anything but 0. */
  get scale(): number {
    return this.#numbers[scaleAt]!;
  }

  /** Whether it knows too little to call anything rare. */
  get isLearning(): boolean {
    return this.#numbers[countAt]! < settlingValues;
  }

  /**
   * How rare `value` is on its side: −log10 of the chance to stray at least so far, from 0 to `fullDecades`.
   * 0 as well while the past is too short, and for sizes that are usual.
   */
  decades(value: number): number {
    const size = Math.abs(value);
    const scale = this.scale;
    if (size <= leastScales * scale || this.isLearning) return 0;
    if (scale === 0) return fullDecades;
    const octaves = Math.log2(size) - Math.log2(scale);
    return Math.min(this.#decadesBeyond(value, octaves), this.#decadesSeen(value, octaves));
  }

  /** Takes `value` into the past; `share` of it, 0 to 1, where it should teach less. */
  learn(value: number, share: number): void {
    const numbers = this.#numbers;
    const size = Math.abs(value);
    this.#learnScale(size, share);
    const weight = numbers[weightAt]! * share;
    const scale = this.scale;
    const octaves = size === 0 || scale === 0 ? -Infinity : Math.log2(size) - Math.log2(scale);
    this.#bins[sideAt(value) + binOf(octaves)]! += weight;
    numbers[totalAt]! += weight;
    numbers[weightAt]! *= 1 + 1 / tailValues;
    if (numbers[weightAt]! > largestWeight) this.#rescale(1 / numbers[weightAt]!);
  }

  /** Learns the scale anew, and makes the past's shape count for a tenth. Nothing is rare until that is done. */
  relearn(): void {
    this.#numbers[weightAt]! *= 10;
    this.#numbers[countAt] = 0;
    this.#numbers[largestAt] = 0;
  }

  #learnScale(size: number, share: number): void {
    const numbers = this.#numbers;
    const count = ++numbers[countAt]!;
    const scale = numbers[scaleAt]!;
    const largest = numbers[largestAt]!;
    // An outlier counts in full once it has company: where nearly all sizes are 0, the others are the scale.
    const bound = Math.max(learntScales * scale, Math.min(largest, outlierScales * scale));
    const bounded = count <= settlingValues || scale === 0 ? size : Math.min(size, bound);
    numbers[scaleAt] = scale + share * (bounded - scale) * Math.max(1 / count, 1 / scaleValues);
    numbers[largestAt] = Math.max(size, largest * (1 - 1 / scaleValues));
  }

  #rescale(factor: number): void {
    for (let i = 0; i < this.#bins.length; i++) this.#bins[i]! *= factor;
    this.#numbers[totalAt]! *= factor;
    this.#numbers[weightAt]! *= factor;
  }

  #decadesBeyond(value: number, octaves: number): number {
    const total = this.#numbers[totalAt]!;
    const own = this.#massFrom(sideAt(value), 0);
    const isOneSided = own >= leastSideShare * total;
    const mass = isOneSided ? own : total;
    const least = leastOuterValues * this.#numbers[weightAt]!;
    const outer = Math.min(Math.max(outerShare * total, least), mass / innerFactor);
    // Leaves a little of the side below the inner quantile, or that would be the side's smallest value.
    const inner = Math.min(outer * innerFactor, 0.9 * mass);
    const outerOctaves = this.#octavesAt(outer, value < 0, isOneSided);
    const innerOctaves = this.#octavesAt(inner, value < 0, isOneSided);
    const outerDepth = Math.log(total / outer);
    const innerDepth = Math.log(total / inner);
    const exponent = outerOctaves > innerOctaves
      ? Math.min(steepestTail, Math.log2(outerDepth / innerDepth) / (outerOctaves - innerOctaves))
      : steepestTail;
    const depth = outerDepth * 2 ** (exponent * (octaves - outerOctaves));
    return Math.min(fullDecades, depth / Math.LN10);
  }

  /** By how often such sizes came; without a bound where that was hardly ever. */
  #decadesSeen(value: number, octaves: number): number {
    const mass = this.#massFrom(sideAt(value), binOf(octaves)) - knownValues * this.#numbers[weightAt]!;
    return mass > 0 ? Math.log10(this.#numbers[totalAt]! / mass) : fullDecades;
  }

  #massFrom(side: number, bin: number): number {
    let sum = 0;
    for (let i = side + bin; i < side + sideBins; i++) sum += this.#bins[i]!;
    return sum;
  }

  /** Which size, in octaves of the usual one, has `mass` of the past beyond it. */
  #octavesAt(mass: number, isBelow: boolean, isOneSided: boolean): number {
    const bins = this.#bins;
    let beyond = 0;
    for (let i = sideBins - 1; i >= 0; i--) {
      const held = isOneSided ? bins[(isBelow ? 0 : sideBins) + i]! : bins[i]! + bins[sideBins + i]!;
      if (beyond + held >= mass) {
        const share = held === 0 ? 0 : (mass - beyond) / held;
        return (firstBin + i + 1 - share) / binsPerOctave;
      }
      beyond += held;
    }
    return firstBin / binsPerOctave;
  }
}
