/** Which files are imported, as which series. */

import { basename, extname, join, relative, resolve } from "node:path";
import { type Labels, seriesId, seriesProblem } from "../series/sample.ts";

export interface ImportFile {
  readonly path: string;
  readonly bytes: number;
  /** What it is called where it is told of: as it was named, and below that folder. */
  readonly shown: string;
  readonly series: string;
}

export interface Misnamed {
  readonly shown: string;
  /** Why there is no series of it; a sentence without a full stop. */
  readonly sentence: string;
}

export interface Found {
  readonly files: readonly ImportFile[];
  readonly misnamed: readonly Misnamed[];
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

/** The CSV files below a folder, by name. */
function* filesBelow(root: string, folder = root): Generator<Candidate> {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name } of entries) {
    const path = join(folder, name);
    // A link counts as what it leads to.
    const { isDirectory, isFile, size } = Deno.statSync(path);
    if (isDirectory) yield* filesBelow(root, path);
    else if (isFile && extname(name).toLowerCase() === ".csv") {
      yield { path: resolve(path), bytes: size, shown: path, stem: stemOf(relative(root, path)) };
    }
  }
}

/** Throws what `Deno.statSync` throws for what is not there. */
function candidates(named: readonly string[]): readonly Candidate[] {
  return named.flatMap((path) => {
    const { isDirectory, size } = Deno.statSync(path);
    return isDirectory
      ? [...filesBelow(path)]
      : [{ path: resolve(path), bytes: size, shown: path, stem: stemOf(basename(path)) }];
  });
}

export function findFiles(named: readonly string[], { name, labels }: Naming): Found {
  const all = candidates(named);
  const files: ImportFile[] = [];
  const misnamed: Misnamed[] = [];
  const bySeries = new Map<string, string>();
  for (const { stem, ...file } of all) {
    const own: Labels = name !== null && all.length > 1 ? { file: stem } : {};
    const parts = { name: name ?? stem, labels: { ...own, ...labels } };
    const problem = seriesProblem(parts);
    const series = seriesId(parts.name, parts.labels);
    const other = bySeries.get(series);
    if (problem !== null) {
      misnamed.push({ shown: file.shown, sentence: `It makes no series: ${problem}. Name it with --name` });
    } else if (other !== undefined) {
      misnamed.push({
        shown: file.shown,
        sentence: `Its series would be ${series}, which is that of ${other}`,
      });
    } else {
      bySeries.set(series, file.shown);
      files.push({ ...file, series });
    }
  }
  return { files, misnamed };
}
