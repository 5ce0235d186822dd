/**
 * Where a partition is read, and whether what was fetched is what comes next. Pure.
 *
 * 1. After a join the group goes on where it has committed: what was handed over since comes again.
 * 2. What begins behind the expected offset is fetched again once: a library that has joined its group anew may go on
 *    where it was before, and skip what it should read again.
 * 3. What is missing then, or lies below the partition's begin, was removed.
 */

/** Offsets, both included. */
export interface OffsetRange {
  readonly first: number;
  readonly last: number;
}

export interface Fetched {
  /** The offset that was asked for. */
  readonly from: number;
  /** The offset of the first record; null when there is none. */
  readonly first: number | null;
  /** The offset after the last, control records included. */
  readonly next: number;
}

export class PartitionCursor {
  readonly #begin: number;
  #expected: number;
  #joinedAt: number;
  /** The offset that was sought because others came; null when it was not, or it came. */
  #sought: number | null = null;
  /** What the group has committed; null when nothing. */
  committed: number | null;

  /** @param begin of the partition, where the group begins when it has committed nothing */
  constructor(committed: number | null, begin: number) {
    this.committed = committed;
    this.#begin = begin;
    this.#expected = this.#joinedAt = this.start;
  }

  /** Where the group goes on after the next join. */
  get start(): number {
    return this.committed ?? this.#begin;
  }

  /** The offset to be read next. */
  get expected(): number {
    return this.#expected;
  }

  /** Where it goes on since the last join, whatever was committed since. */
  get joinedAt(): number {
    return this.#joinedAt;
  }

  joined(): void {
    this.#expected = this.#joinedAt = this.start;
    this.#sought = null;
  }

  /**
   * @param begin of the partition; matters when `from` is above `expected`
   * @returns "seek": `expected` is to be sought; else what was removed before it, null when nothing was
   */
  take({ from, first, next }: Fetched, begin: number): "seek" | { readonly removed: OffsetRange | null } {
    const expected = this.#expected;
    if (from > expected && begin <= expected && this.#sought !== expected) {
      this.#sought = expected;
      return "seek";
    }
    this.#goOn(next);
    if (from <= expected) return { removed: null };
    const there = Math.min(begin > expected ? begin : from, first ?? next);
    return { removed: { first: expected, last: there - 1 } };
  }

  /** Control records alone, from `first` on. False: they were read before, or something may be missing before them. */
  skip(first: number, next: number): boolean {
    if (next <= this.#expected) return false;
    if (first > this.#expected && this.#sought !== this.#expected) return false;
    this.#goOn(next);
    return true;
  }

  #goOn(next: number): void {
    this.#expected = next;
    this.#sought = null;
  }
}
