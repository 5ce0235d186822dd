/** How many actors there are, as the store said last. Counting, which may wait for a busy store, is never under way twice. */

export class ActorCount {
  readonly #countActors: () => Promise<number | null>;
  readonly #onFailure: (error: unknown) => void;
  #isCounting = false;
  #current: number | null = null;

  constructor(countActors: () => Promise<number | null>, onFailure: (error: unknown) => void) {
    this.#countActors = countActors;
    this.#onFailure = onFailure;
  }

  /** Null before they were first counted. */
  get current(): number | null {
    return this.#current;
  }

  /** Counts them anew. */
  refresh(): void {
    if (this.#isCounting) return;
    this.#isCounting = true;
    this.#countActors()
      .then((actors) => this.#current = actors, this.#onFailure)
      .finally(() => this.#isCounting = false);
  }
}
