/** What is in a data folder, or in a backup's: store and log, and whether they fit each other. Nothing is written there. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { type LogSurvey, surveyLog } from "../../runtime/log/survey.ts";
import { type StoreSurvey, surveyStore } from "../../runtime/store/survey.ts";

/** Opens a file for `look`, and closes it. */
export type LookInto = <T>(path: string, look: (db: DatabaseSync) => T) => T;

export interface FolderSurvey {
  readonly folder: string;
  readonly store: StoreSurvey;
  readonly log: LogSurvey;
  /** As sentences; none: a node can start on it. */
  readonly troubles: readonly string[];
}

export const storeName = "store.db";
export const logName = "log";

export function surveyFolder(folder: string, lookInto: LookInto): FolderSurvey {
  const store = surveyStore(join(folder, storeName), lookInto);
  const log = surveyLog(join(folder, logName), lookInto);
  return { folder, store, log, troubles: [...store.troubles, ...log.troubles, ...misfits(store, log)] };
}

function misfits({ meta, shards, troubles }: StoreSurvey, { log, extents }: LogSurvey): string[] {
  if (meta === null || log === null) return [];
  if (meta.log !== null && meta.log !== log.identity) {
    return ["The log is not the one that the store was filled from."];
  }
  if (meta.shards !== log.shards) {
    return [`The store was made for ${meta.shards} shards, the log for ${log.shards}.`];
  }
  return extents.flatMap(({ begin, end }, shard) => {
    const row = shards.find((each) => each.shard === shard);
    // Its row cannot be read, which is told already.
    if (row === undefined && troubles.length > 0) return [];
    const next = (row?.positions[MAILBOX]?.offset ?? -1) + 1;
    if (next >= begin && next <= end) return [];
    return [`Shard ${shard} goes on at offset ${next}, and its log has ${begin} to ${end}.`];
  });
}

/** Of files that are ours alone. SQLite keeps its own files beside them. */
export const lookIntoOwn: LookInto = (path, look) => {
  const db = new DatabaseSync(path);
  try {
    return look(db);
  } finally {
    db.close();
  }
};

/**
 * Of files that must stay as they are. Each is copied first, with what SQLite keeps beside it: even a connection that
 * only reads leaves files behind, takes over a crash's leftovers or fails for want of permission to.
 */
export const lookIntoCopy: LookInto = (path, look) => {
  const folder = Deno.makeTempDirSync({ prefix: "sensorium-inspect-" });
  try {
    const copy = join(folder, "copy.db");
    try {
      for (const beside of ["", "-wal", "-journal"]) copyIfThere(`${path}${beside}`, `${copy}${beside}`);
    } catch (cause) {
      const sentence = `it cannot be looked into, as it cannot be copied to ${folder} (${
        errorMessage(cause)
      })`;
      throw new Error(`${sentence}; set TMPDIR to a folder with more space.`, { cause });
    }
    return lookIntoOwn(copy, look);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
};

function copyIfThere(source: string, target: string): void {
  try {
    Deno.copyFileSync(source, target);
    // Of a file that nobody may write to, the copy could not be opened.
    Deno.chmodSync(target, 0o600);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
