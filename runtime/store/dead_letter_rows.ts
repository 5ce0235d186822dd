/**
 * Dead letters, listed newest first: by (log time, id) descending.
 *
 * 1. A letter of a known id, or its replay, counts only if its message has been replayed more often than that one's.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { DeadLetter, ReplayedLetter, StoredDeadLetter } from "../core/checkpoint.ts";
import type { DeadLetterFilter, DeadLetterPage } from "./port.ts";
import { checkedText } from "./stored_row.ts";

export class DeadLetterRows {
  readonly #put: StatementSync;
  readonly #select: StatementSync;
  readonly #list: StatementSync;
  readonly #expire: StatementSync;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare(
      `INSERT INTO dead_letters (id, at_ms, kind, actor_id, reason, letter, crc) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         at_ms = excluded.at_ms, reason = excluded.reason, letter = excluded.letter, crc = excluded.crc`,
    );
    this.#select = db.prepare("SELECT letter, crc FROM dead_letters WHERE id = ?");
    // The index holds every column of the conditions: rows that do not match are never fetched.
    this.#list = db.prepare(
      `SELECT letter, crc FROM dead_letters
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
    }
    for (const { id, replays, atMs } of replayed) {
      const known = this.find(id);
      if (known !== null && known.replays < replays) this.#write({ ...known, replays, replayedAtMs: atMs });
    }
  }

  #write(letter: StoredDeadLetter): void {
    const json = JSON.stringify(letter);
    const { id, atMs, kind, actorId, reason } = letter;
    this.#put.run(id, atMs, kind, actorId, reason, json, crc32(json));
  }

  expire(beforeMs: number, limit: number): number {
    return Number(this.#expire.run(beforeMs, limit).changes);
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

/** The checksum says that this is the text that was written. */
function parseLetter(row: Readonly<Record<string, unknown>>): StoredDeadLetter {
  return JSON.parse(checkedText(row.letter, row.crc, "a dead letter")) as StoredDeadLetter;
}
