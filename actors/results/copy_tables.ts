/** The tables of a node that runs, as they are at one moment, in a file for another folder. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { placeTables } from "./tables.ts";

/** Of a data folder: where its results are stored. */
export const resultsFile = "results/results.sqlite";

/** Copied at once; in between the process can do other things. */
const copiedPages = 1000;

/**
 * Copies the tables of `folder`, which a node may be writing to, to the new file `target`; false where there are none.
 * The copy has no places in the topic: the topic of the folder that it is meant for begins anew, and a result that is
 * read once more is known by its id.
 */
export async function copyTables(folder: string, target: string): Promise<boolean> {
  const path = join(folder, resultsFile);
  if (!existsSync(path)) return false;
  using source = new DatabaseSync(path, { readOnly: true });
  // Reads of one transaction see one moment: without it, each time somebody writes the copying would begin again.
  source.exec("BEGIN; SELECT 1 FROM sqlite_schema");
  await backup(source, target, { rate: copiedPages });
  using copy = new DatabaseSync(target);
  // A node that has just begun may not have made its tables.
  const names = new Set(copy.prepare("SELECT name FROM sqlite_schema").all().map(({ name }) => name));
  for (const table of placeTables) if (names.has(table)) copy.exec(`DELETE FROM ${table}`);
  return true;
}
