/** Dead letters in memory; the guarantees are those of `dead_letter_rows.ts`. */

import type { DeadLetter, ReplayedLetter, StoredDeadLetter } from "../core/checkpoint.ts";
import { compareBytes } from "./byte_order.ts";
import type { DeadLetterFilter, DeadLetterPage } from "./port.ts";

function newestFirst(a: StoredDeadLetter, b: StoredDeadLetter): number {
  return b.atMs - a.atMs || compareBytes(b.id, a.id);
}

export class MemoryDeadLetters {
  readonly #letters = new Map<string, StoredDeadLetter>();

  write(letters: readonly DeadLetter[], replayed: readonly ReplayedLetter[]): void {
    for (const letter of letters) {
      const known = this.#letters.get(letter.id);
      if (known !== undefined && known.replays >= letter.replays) continue;
      this.#letters.set(letter.id, { ...letter, replayedAtMs: null });
    }
    for (const { id, replays, atMs } of replayed) {
      const known = this.#letters.get(id);
      if (known === undefined || known.replays >= replays) continue;
      this.#letters.set(id, { ...known, replays, replayedAtMs: atMs });
    }
  }

  expire(beforeMs: number, limit: number): number {
    const old = [...this.#letters.values()].filter(({ atMs }) => atMs < beforeMs)
      .sort((a, b) => newestFirst(b, a)).slice(0, limit);
    for (const { id } of old) this.#letters.delete(id);
    return old.length;
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
}
