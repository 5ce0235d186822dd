/** What stands between the log and its brokers, as its parts find it: one sentence for whoever waits. */

/** Those who say it, the first with the word: what stops appends says most. */
const parts = ["appends", "watch", "consumer"] as const;
export type HinderedPart = typeof parts[number];

export class Hindrances {
  readonly #of = new Map<HinderedPart, string | null>();
  readonly #onWaiting: (sentence: string | null) => void;
  #said: string | null = null;

  /** `onWaiting` hears each change once; null: nothing any more. */
  constructor(onWaiting: (sentence: string | null) => void) {
    this.#onWaiting = onWaiting;
  }

  of(part: HinderedPart): string | null {
    return this.#of.get(part) ?? null;
  }

  say(part: HinderedPart, sentence: string | null): void {
    this.#of.set(part, sentence);
    const now = parts.map((each) => this.of(each)).find((found) => found !== null) ?? null;
    if (now === this.#said) return;
    this.#said = now;
    this.#onWaiting(now);
  }
}
