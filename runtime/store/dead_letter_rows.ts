/** Dead letters, listed newest first: by (log time, id) descending. A letter of a known id changes nothing. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { DeadLetter, StoredDeadLetter } from "../core/checkpoint.ts";
import type { DeadLetterFilter, DeadLetterPage } from "./port.ts";
import { checkedText } from "./stored_row.ts";

export class DeadLetterRows {
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #list: StatementSync;
  readonly #update: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      `INSERT INTO dead_letters (id, at_ms, kind, actor_id, reason, letter, crc) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
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
    this.#update = db.prepare("UPDATE dead_letters SET letter = ?, crc = ? WHERE id = ?");
  }

  write(letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      const stored: StoredDeadLetter = { ...letter, replayedAtMs: null };
      const json = JSON.stringify(stored);
      const { id, atMs, kind, actorId, reason } = letter;
      this.#insert.run(id, atMs, kind, actorId, reason, json, crc32(json));
    }
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

  /** Runs inside a transaction. */
  countReplay(id: string, atMs: number, cap: number): StoredDeadLetter | null {
    const letter = this.find(id);
    if (letter === null || letter.replays >= cap) return null;
    const counted: StoredDeadLetter = { ...letter, replays: letter.replays + 1, replayedAtMs: atMs };
    const json = JSON.stringify(counted);
    this.#update.run(json, crc32(json), id);
    return counted;
  }
}

/** The checksum says that this is the text that was written. */
function parseLetter(row: Readonly<Record<string, unknown>>): StoredDeadLetter {
  return JSON.parse(checkedText(row.letter, row.crc, "a dead letter")) as StoredDeadLetter;
}
