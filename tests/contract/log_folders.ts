/** Logs and their files for tests of the embedded log. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultLogLimits, type LogLimits } from "../../runtime/log/limits.ts";
import { SqliteLog, type SqliteLogOptions } from "../../runtime/log/sqlite_log.ts";

export function openLog(directory: string, options: Partial<SqliteLogOptions> = {}): SqliteLog {
  const report = (sentence: string) => {
    throw new Error(sentence);
  };
  return new SqliteLog({ directory, shards: 4, clock: Date.now, report, ...options });
}

/** Segments roll all the time and the tail forgets at once: every read goes through the files. */
export const tinyLimits: LogLimits = {
  ...defaultLogLimits,
  segmentBytes: 100_000,
  tailBytes: 0,
  deliveryBytes: 1000,
  turnBytes: 2000,
  openSegments: 1,
};

export const segmentFiles = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.endsWith(".db")).sort().map((name) => join(directory, name));

/** Name and bytes of every file, to see that none changed. */
export const contents = (directory: string): Map<string, string> =>
  new Map(readdirSync(directory).sort().map((name) => [name, readFileSync(join(directory, name), "latin1")]));
