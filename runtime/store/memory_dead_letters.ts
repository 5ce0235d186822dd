/** Dead letters in memory; the guarantees are those of `dead_letter_rows.ts`. */

import type { DeadLetter, StoredDeadLetter } from "../core/checkpoint.ts";
import { compareBytes } from "./byte_order.ts";
import type { DeadLetterFilter, DeadLetterPage } from "./port.ts";

function newestFirst(a: StoredDeadLetter, b: StoredDeadLetter): number {
  return b.atMs - a.atMs || compareBytes(b.id, a.id);
}

export class MemoryDeadLetters {
  readonly #letters = new Map<string, StoredDeadLetter>();

  write(letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      if (!this.#letters.has(letter.id)) this.#letters.set(letter.id, { ...letter, replayedAtMs: null });
    }
  }

  list({ after, limit, kind, actorId, reason }: DeadLetterFilter): DeadLetterPage {
    const last = after === null ? null : this.#letters.get(after);
    if (last === undefined) return { items: [], next: null };
    const rest = [...this.#letters.values()]
      .filter((letter) =>
        (last === null || newestFirst(letter, last) > 0) &&
        (kind === undefined || letter.kind === kind) &&
        (actorId === undefined || letter.actorId === actorId) &&
        (reason === undefined || letter.reason === reason)
      )
      .sort(newestFirst);
    const items = rest.slice(0, limit).map((letter) => ({ ...letter }));
    return { items, next: rest.length > limit ? items.at(-1)?.id ?? null : null };
  }

  find(id: string): StoredDeadLetter | null {
    const letter = this.#letters.get(id);
    return letter === undefined ? null : { ...letter };
  }

  countReplay(id: string, atMs: number, cap: number): StoredDeadLetter | null {
    const letter = this.#letters.get(id);
    if (letter === undefined || letter.replays >= cap) return null;
    const counted = { ...letter, replays: letter.replays + 1, replayedAtMs: atMs };
    this.#letters.set(id, counted);
    return { ...counted };
  }
}
