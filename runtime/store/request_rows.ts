/** Requests to services until they have their outcome. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Checkpoint, OpenRequest } from "../core/checkpoint.ts";
import { checkedText, integer, rowChecksum } from "./stored_row.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export function requestKey(shard: number, n: number): string {
  return `request ${shard} ${n} `;
}

export class RequestRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#insert = db.prepare("INSERT INTO requests VALUES (?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM requests WHERE shard = ? AND n = ?");
    this.#select = db.prepare("SELECT n, request, crc FROM requests WHERE shard = ? ORDER BY n");
  }

  write({ shard, requests, requestsDone }: Checkpoint): void {
    let rows = requests.length;
    for (const request of requests) {
      const json = JSON.stringify(request);
      this.#insert.run(shard, request.n, json, rowChecksum(requestKey(shard, request.n), json));
    }
    for (const n of requestsDone) rows -= Number(this.#delete.run(shard, n).changes);
    this.#tallies.add(shardTally("requests", shard), rows);
  }

  read(shard: number): OpenRequest[] {
    const what = `a request of shard ${shard}`;
    const rows = this.#select.all(shard);
    this.#tallies.check("requests", shard, rows.length);
    return rows.map(({ n, request, crc }) =>
      // The checksum says that this is the text that was written.
      JSON.parse(checkedText(requestKey(shard, integer(n, what)), request, crc, what)) as OpenRequest
    );
  }
}
