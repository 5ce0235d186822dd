/**
 * How carefully a shard folds on its way to a turn in which hosts died; `attempts.ts` has the rules.
 *
 * 1. From `isolateMessagesFrom` on, the turn at the place begins only when a commit is confirmed that says it may be
 *    open, and nothing after its entry is folded before the next commit is made.
 * 2. Timers and a frame's first entry have no boundary between them: then the commit comes before the frame.
 */

import {
  type Attempts,
  attemptsOf,
  deathsOf,
  isBuried,
  isolateFramesFrom,
  isolateMessagesFrom,
  isPast,
} from "./attempts.ts";
import type { Positions } from "./checkpoint.ts";
import type { WorkFrame } from "./work.ts";

export class Isolation {
  #attempts: Attempts | null;
  /** Number of the commit that says that the turn may be open; null as long as none is wanted. */
  #openIn: number | null = null;

  constructor(attempts: Attempts | null) {
    this.#attempts = attempts;
  }

  get commitsFrames(): boolean {
    return this.#attempts !== null && this.#attempts.attempts >= isolateFramesFrom;
  }

  /**
   * How many entries of `work`, which is prepared, may be folded by now; where those are folded, a commit comes next.
   *
   * @param confirmed the number of the last confirmed commit
   */
  limit(work: WorkFrame, confirmed: number): number {
    if (this.#attempts === null) return Infinity;
    const { place, attempts } = this.#attempts;
    if (attempts < isolateMessagesFrom || isBuried(this.#attempts)) return Infinity;
    const index = work.entryAt(place);
    if (index === null) return Infinity;
    if (this.#isOpen(confirmed)) return work.boundaryAfter(index);
    const before = work.boundaryBefore(index);
    return work.at > before ? Infinity : before;
  }

  #isOpen(confirmed: number): boolean {
    return this.#openIn !== null && this.#openIn <= confirmed;
  }

  /** The limit is reached. True: the commit of number `next` must be made now. */
  wantsCommit(next: number, confirmed: number): boolean {
    this.#openIn ??= next;
    return this.#openIn === next || this.#isOpen(confirmed);
  }

  /** What a checkpoint at these positions remembers. */
  attemptsAt(positions: Positions): Attempts | null {
    const rest = deathsOf(this.#attempts).filter(({ place }) => !isPast(place, positions));
    const last = rest.at(-1);
    if (last?.place !== this.#attempts?.place) this.#openIn = null;
    this.#attempts = last === undefined ? null : attemptsOf(last, this.#openIn !== null, rest.slice(0, -1));
    return this.#attempts;
  }
}
