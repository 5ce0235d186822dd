/**
 * Dead letters, listed newest first: by (log time, id) descending.
 *
 * 1. A letter is found by columns that say what it says itself.
 * 2. A letter of a known id, or its replay, counts only if its message has been replayed more often than that one's.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { DeadLetter, ReplayedLetter, StoredDeadLetter } from "../core/checkpoint.ts";
import type { DeadLetterFilter, DeadLetterPage } from "./port.ts";
import { checkedText, damaged, rowChecksum } from "./stored_row.ts";
import type { Tallies } from "./tallies.ts";

/** The letter names itself. */
export const letterKey = "";

const columns = "id, at_ms, kind, actor_id, reason, letter, crc";

export class DeadLetterRows {
  readonly #put: StatementSync;
  readonly #select: StatementSync;
  readonly #list: StatementSync;
  readonly #expire: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#put = db.prepare(
      `INSERT INTO dead_letters (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         at_ms = excluded.at_ms, reason = excluded.reason, letter = excluded.letter, crc = excluded.crc`,
    );
    this.#select = db.prepare(`SELECT ${columns} FROM dead_letters WHERE id = ?`);
    // The index holds every column of the conditions: rows that do not match are never fetched.
    this.#list = db.prepare(
      `SELECT ${columns} FROM dead_letters
       WHERE ($after IS NULL OR (at_ms, id) < (SELECT at_ms, id FROM dead_letters WHERE id = $after))
         AND ($kind IS NULL OR kind = $kind)
         AND ($actorId IS NULL OR actor_id = $actorId)
         AND ($reason IS NULL OR reason = $reason)
       ORDER BY at_ms DESC, id DESC LIMIT $limit`,
    );
    this.#expire = db.prepare(
      `DELETE FROM dead_letters WHERE id IN
       (SELECT id FROM dead_letters WHERE at_ms < ? ORDER BY at_ms, id LIMIT ?)`,
    );
  }

  /** Runs inside a transaction. */
  write(letters: readonly DeadLetter[], replayed: readonly ReplayedLetter[]): void {
    for (const letter of letters) {
      const known = this.find(letter.id);
      if (known === null || known.replays < letter.replays) this.#write({ ...letter, replayedAtMs: null });
      if (known === null) this.#tallies.add("dead_letters", 1);
    }
    for (const { id, replays, atMs } of replayed) {
      const known = this.find(id);
      if (known !== null && known.replays < replays) this.#write({ ...known, replays, replayedAtMs: atMs });
    }
  }

  #write(letter: StoredDeadLetter): void {
    const json = JSON.stringify(letter);
    const { id, atMs, kind, actorId, reason } = letter;
    this.#put.run(id, atMs, kind, actorId, reason, json, rowChecksum(letterKey, json));
  }

  expire(beforeMs: number, limit: number): number {
    const expired = Number(this.#expire.run(beforeMs, limit).changes);
    this.#tallies.add("dead_letters", -expired);
    return expired;
  }

  list({ after, limit, kind, actorId, reason }: DeadLetterFilter): DeadLetterPage {
    const rows = this.#list.all({
      $after: after,
      $kind: kind ?? null,
      $actorId: actorId ?? null,
      $reason: reason ?? null,
      $limit: limit + 1,
    });
    const items = rows.slice(0, limit).map((row) => parseLetter(row));
    return { items, next: rows.length > limit ? items.at(-1)?.id ?? null : null };
  }

  find(id: string): StoredDeadLetter | null {
    const row = this.#select.get(id);
    return row === undefined ? null : parseLetter(row);
  }
}

function parseLetter(row: Readonly<Record<string, unknown>>): StoredDeadLetter {
  // The checksum says that this is the text that was written.
  const letter = JSON.parse(checkedText(letterKey, row.letter, row.crc, "a dead letter")) as StoredDeadLetter;
  const { id, atMs, kind, actorId, reason } = letter;
  const isFoundRightly = row.id === id && row.at_ms === atMs && row.kind === kind &&
    row.actor_id === actorId &&
    row.reason === reason;
  if (!isFoundRightly) throw damaged(`the dead letter ${id}`, "it was found by what is not its own");
  return letter;
}
