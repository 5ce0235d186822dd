/**
 * How far an import has come, in a file beside what is imported: a line of JSON before and after each request.
 *
 * 1. What is being sent is in the file before it is sent, and that it was taken after it was: what a killed import
 *    leaves is known by chunk.
 * 2. A line that was cut off by a crash is skipped.
 */

import { z } from "zod";

const chunkRecord = z.strictObject({
  series: z.string(),
  /** Absolute. */
  path: z.string(),
  lines: z.int().min(1),
  /** Of the chunk's text, and of all else that goes into its request. */
  key: z.string(),
  sentMs: z.number(),
  /** Lines of later times were refused. */
  untilMs: z.number(),
});

/** `rows`: how many values of it the node has taken; missing where nobody knows. */
const doneRecord = z.strictObject({ done: z.string(), rows: z.int().exactOptional() });
/** What was recorded of a file no longer counts. */
const forgetRecord = z.strictObject({ forget: z.string(), series: z.string() });
const record = z.union([chunkRecord, doneRecord, forgetRecord]);

type Entry = z.infer<typeof record>;

export interface SentChunk extends z.infer<typeof chunkRecord> {
  readonly isDone: boolean;
  /** False: the node has refused every line of it. */
  readonly mayHaveRows: boolean;
}

/** Where the lines go. */
export interface StateFile {
  /** Null: there is none yet. */
  read(): string | null;
  append(text: string): void;
}

function nameOf({ path, series }: { readonly path: string; readonly series: string }): string {
  return `${series}\n${path}`;
}

function parse(line: string): Entry | null {
  try {
    const parsed = record.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export class ImportState {
  readonly #file: StateFile;
  readonly #chunks = new Map<string, z.infer<typeof chunkRecord>[]>();
  /** Rows by key; null: nobody knows how many. */
  readonly #done = new Map<string, number | null>();

  constructor(file: StateFile) {
    this.#file = file;
    const text = file.read() ?? "";
    for (const line of text.split("\n")) {
      const entry = parse(line);
      if (entry !== null) this.#note(entry);
    }
    if (text !== "" && !text.endsWith("\n")) file.append("\n");
  }

  /** What was sent of a file, in its order. */
  chunksOf(path: string, series: string): readonly SentChunk[] {
    const chunks = this.#chunks.get(nameOf({ path, series })) ?? [];
    return chunks.map((chunk) => ({
      ...chunk,
      isDone: this.#done.has(chunk.key),
      mayHaveRows: this.#done.get(chunk.key) !== 0,
    }));
  }

  /** To be called before a chunk is sent; of one that is sent again, too. */
  sending(chunk: z.infer<typeof chunkRecord>): void {
    this.#add(chunk);
  }

  /** @param rows how many values of it the node has taken; null: nobody knows */
  taken(key: string, rows: number | null): void {
    this.#add({ done: key, ...rows !== null && { rows } });
  }

  forget(path: string, series: string): void {
    this.#add({ forget: path, series });
  }

  #add(entry: Entry): void {
    this.#note(entry);
    this.#file.append(`${JSON.stringify(entry)}\n`);
  }

  #note(entry: Entry): void {
    if ("done" in entry) this.#done.set(entry.done, entry.rows ?? null);
    else if ("forget" in entry) this.#chunks.delete(nameOf({ path: entry.forget, series: entry.series }));
    else this.#noteChunk(entry);
  }

  #noteChunk(chunk: z.infer<typeof chunkRecord>): void {
    const name = nameOf(chunk);
    const chunks = this.#chunks.get(name);
    if (chunks === undefined) this.#chunks.set(name, [chunk]);
    // One that is sent again is the last one.
    else if (chunks.at(-1)?.key === chunk.key) chunks[chunks.length - 1] = chunk;
    else chunks.push(chunk);
  }
}
