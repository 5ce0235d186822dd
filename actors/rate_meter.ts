/**
 * How fast a total grows: over the last interval between two looks at it, so that a load that begins or ends is seen
 * at the second look after it.
 */
export class RateMeter {
  #total: number;
  #atMs: number;

  constructor(total: number, atMs: number) {
    this.#total = total;
    this.#atMs = atMs;
  }

  /** Growth a second since the last look. A total that went down did not grow. */
  perSecond(total: number, atMs: number): number {
    const seconds = (atMs - this.#atMs) / 1000;
    const grown = total - this.#total;
    this.#total = total;
    this.#atMs = atMs;
    return seconds > 0 ? Math.max(0, grown / seconds) : 0;
  }
}
