/**
 * What is in a store's file, whole or broken.
 *
 * 1. Nothing is thrown: what cannot be read is told as a sentence, and the rest is read nevertheless.
 */

import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { Positions } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import { ShardRows } from "./shard_rows.ts";
import { checkHeader, pageDamage, readMeta, readVersion, type StoreMeta } from "./sqlite_file.ts";
import { Tallies } from "./tallies.ts";
import { integer, text } from "./stored_row.ts";

/** Opens a file for `look`, and closes it. */
export type LookInto = <T>(path: string, look: (db: DatabaseSync) => T) => T;

export interface ShardSurvey {
  readonly shard: number;
  /** How often it was claimed. */
  readonly epoch: number;
  readonly commit: number;
  readonly positions: Positions;
}

export interface KindSurvey {
  readonly kind: string;
  readonly actors: number;
  /** Of their snapshots. */
  readonly bytes: number;
}

export interface TableSurvey {
  readonly table: string;
  readonly rows: number;
}

export interface StoreSurvey {
  readonly bytes: number;
  /** Committed and not yet copied into the file. */
  readonly walBytes: number;
  /** Null where it cannot be read. */
  readonly version: number | null;
  readonly meta: StoreMeta | null;
  readonly shards: readonly ShardSurvey[];
  readonly kinds: readonly KindSurvey[];
  readonly tables: readonly TableSurvey[];
  readonly troubles: readonly string[];
}

/** What a person asks for, besides actors by kind. */
const countedTables = ["history", "dead_letters", "outbox", "requests", "keys"];

const nothing = { version: null, meta: null, shards: [], kinds: [], tables: [], damage: null };

export function surveyStore(path: string, lookInto: LookInto): StoreSurvey {
  const troubles: string[] = [];
  const attempt = <T>(what: string, work: () => T, otherwise: T): T => {
    try {
      return work();
    } catch (thrown) {
      troubles.push(`${what}: ${errorMessage(thrown)}`);
      return otherwise;
    }
  };
  const found = attempt("The store", () => {
    checkHeader(path);
    return lookInto(path, (db) => ({
      version: attempt("The store's version", () => readVersion(db), null),
      meta: attempt("The store's own row", () => readMeta(db), null),
      shards: attempt("The shards", () => shardsOf(db, attempt), []),
      kinds: attempt("The actors", () => kindsOf(db), []),
      tables: countedTables.flatMap((table) => attempt(`Table ${table}`, () => [countOf(db, table)], [])),
      damage: attempt("The store's pages", () => pageDamage(db, "quick_check(1)"), null),
    }));
  }, nothing);
  const { version, meta, shards, kinds, tables, damage } = found;
  if (damage !== null) troubles.push(`The store's pages: damaged (${damage}).`);
  const [bytes, walBytes] = [sizeOf(path), sizeOf(`${path}-wal`)];
  return { bytes, walBytes, version, meta, shards, kinds, tables, troubles };
}

type Attempt = <T>(what: string, work: () => T, otherwise: T) => T;

function shardsOf(db: DatabaseSync, attempt: Attempt): ShardSurvey[] {
  const rows = new ShardRows(db, new Tallies(db));
  const shards = db.prepare("SELECT shard FROM shards ORDER BY shard").all();
  return shards.flatMap((row) => {
    const shard = integer(row.shard, "a shard's number");
    return attempt(`Shard ${shard}`, () => {
      const { epoch, commit, positions } = rows.look(shard);
      return [{ shard, epoch, commit, positions }];
    }, []);
  });
}

function kindsOf(db: DatabaseSync): KindSurvey[] {
  const rows = db.prepare(
    `SELECT kind, count(*) AS actors, sum(length(hot)) + sum(coalesce(length(cold.row), 0)) AS bytes
     FROM actors LEFT JOIN cold USING (actor) GROUP BY kind ORDER BY kind`,
  ).all();
  return rows.map((row) => ({
    kind: text(row.kind, "a kind"),
    actors: integer(row.actors, "how many actors a kind has"),
    bytes: integer(row.bytes, "how large a kind's actors are"),
  }));
}

function countOf(db: DatabaseSync, table: string): TableSurvey {
  const row = db.prepare(`SELECT count(*) AS rows FROM ${table}`).get();
  return { table, rows: integer(row?.rows, "a count") };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
