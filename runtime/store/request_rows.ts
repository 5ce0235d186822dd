/** Requests to services until they have their outcome. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Checkpoint, OpenRequest } from "../core/checkpoint.ts";
import { checkedText } from "./stored_row.ts";

export class RequestRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("INSERT INTO requests VALUES (?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM requests WHERE shard = ? AND n = ?");
    this.#select = db.prepare("SELECT request, crc FROM requests WHERE shard = ? ORDER BY n");
  }

  write({ shard, requests, requestsDone }: Checkpoint): void {
    for (const request of requests) {
      const json = JSON.stringify(request);
      this.#insert.run(shard, request.n, json, crc32(json));
    }
    for (const n of requestsDone) this.#delete.run(shard, n);
  }

  read(shard: number): OpenRequest[] {
    return this.#select.all(shard).map(({ request, crc }) =>
      // The checksum says that this is the text that was written.
      JSON.parse(checkedText(request, crc, `a request of shard ${shard}`)) as OpenRequest
    );
  }
}
