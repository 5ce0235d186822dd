/** Runs works one after another, in the order they came; one that fails holds up none behind it. */
export class OneByOne {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** Resolves when all that came so far has ended. */
  async ended(): Promise<void> {
    await this.#last;
  }
}
