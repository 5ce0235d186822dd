/** Which files are imported, as which series. */

import { basename, extname, join, relative, resolve } from "node:path";
import { errorMessage } from "../../runtime/core/errors.ts";
import { type Labels, seriesId, seriesProblem } from "../series/sample.ts";

export interface ImportFile {
  readonly path: string;
  readonly bytes: number;
  /** What it is called where it is told of: as it was named, and below that folder. */
  readonly shown: string;
  readonly series: string;
}

export interface BadFile {
  readonly shown: string;
  /** Why nothing is imported of it; a sentence without a full stop. */
  readonly sentence: string;
}

export interface Found {
  readonly files: readonly ImportFile[];
  /** Files that cannot be imported. */
  readonly bad: readonly BadFile[];
}

/** What the flags say of names. */
export interface Naming {
  /** Null: the file's path is the name. */
  readonly name: string | null;
  readonly labels: Labels;
}

interface Candidate {
  readonly path: string;
  readonly bytes: number;
  readonly shown: string;
  /** Its path below the folder that was named, without its extension, with slashes. */
  readonly stem: string;
}

function stemOf(path: string): string {
  return path.slice(0, path.length - extname(path).length).replaceAll("\\", "/");
}

function isBad(found: Candidate | BadFile): found is BadFile {
  return "sentence" in found;
}

function cannotBeRead(shown: string, thrown: unknown): BadFile {
  return { shown, sentence: `It cannot be read: ${errorMessage(thrown)}` };
}

/**
 * The CSV files below a folder, by name, without what is hidden: editors put locks and copies there that are not the
 * user's. What cannot be looked at is bad, and the rest goes on.
 */
function* filesBelow(root: string, folder = root): Generator<Candidate | BadFile> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name } of entries.filter(({ name }) => !name.startsWith("."))) {
    const path = join(folder, name);
    try {
      // A link counts as what it leads to.
      const { isDirectory, isFile, size } = Deno.statSync(path);
      if (isDirectory) yield* filesBelow(root, path);
      else if (isFile && extname(name).toLowerCase() === ".csv") {
        yield { path: resolve(path), bytes: size, shown: path, stem: stemOf(relative(root, path)) };
      }
    } catch (thrown) {
      yield cannotBeRead(path, thrown);
    }
  }
}

/** Throws what `Deno.statSync` and `Deno.readDirSync` throw for what was named and is not there. */
function candidates(named: readonly string[]): readonly (Candidate | BadFile)[] {
  return named.flatMap((path) => {
    const { isDirectory, size } = Deno.statSync(path);
    return isDirectory
      ? [...filesBelow(path)]
      : [{ path: resolve(path), bytes: size, shown: path, stem: stemOf(basename(path)) }];
  });
}

export function findFiles(named: readonly string[], { name, labels }: Naming): Found {
  const found = candidates(named);
  const all = found.filter((each): each is Candidate => !isBad(each));
  const files: ImportFile[] = [];
  const bad: BadFile[] = found.filter(isBad);
  const bySeries = new Map<string, string>();
  for (const { stem, ...file } of all) {
    const own: Labels = name !== null && all.length > 1 ? { file: stem } : {};
    const parts = { name: name ?? stem, labels: { ...own, ...labels } };
    const problem = seriesProblem(parts);
    const series = seriesId(parts.name, parts.labels);
    const other = bySeries.get(series);
    if (problem !== null) {
      bad.push({ shown: file.shown, sentence: `It makes no series: ${problem}. Name it with --name` });
    } else if (other !== undefined) {
      bad.push({
        shown: file.shown,
        sentence: `Its series would be ${series}, which is that of ${other}`,
      });
    } else {
      bySeries.set(series, file.shown);
      files.push({ ...file, series });
    }
  }
  return { files, bad };
}
