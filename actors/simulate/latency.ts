/**
 * Latencies in logarithmic buckets: bounded memory however long the run.
 *
 * A quantile is at most 1/32 of an octave's width too high (about 2 %); the largest is exact.
 */

const bucketsPerOctave = 32;

export class Latencies {
  readonly #counts: number[] = [];
  #total = 0;
  #maxMs = 0;

  add(latencyMs: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log2(Math.max(latencyMs, 0) * 1000) * bucketsPerOctave));
    while (this.#counts.length <= bucket) this.#counts.push(0);
    this.#counts[bucket]!++;
    this.#total++;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** @param share 0.99 for the 99th percentile; NaN while there are none */
  quantileMs(share: number): number {
    if (this.#total === 0) return NaN;
    let below = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      below += this.#counts[bucket]!;
      if (below >= share * this.#total) {
        return Math.min(this.#maxMs, 2 ** (bucket / bucketsPerOctave) / 1000);
      }
    }
    return this.#maxMs;
  }

  get maxMs(): number {
    return this.#total === 0 ? NaN : this.#maxMs;
  }
}
