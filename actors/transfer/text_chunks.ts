/**
 * A file's text in chunks of whole lines, whatever its encoding.
 *
 * 1. Chunks joined are the text, but for lines longer than those that are read: of them they have the beginning, and a
 *    mark. Where a chunk ends depends on the text and what is asked for alone, not on how it is read.
 * 2. UTF-16 is known by its byte order mark, or by its zeros; everything else is taken for UTF-8, in which what is
 *    none (Latin-1's letters) becomes U+FFFD: of a line of values only columns that are left out have letters.
 * 3. No more than a chunk and what is read at a time is in memory, however long a line is.
 */

import { maxLineUnits } from "./limits.ts";

export interface Chunk {
  /** Without the line feed at its end. */
  readonly text: string;
  /** Number of its first line, from 1. */
  readonly first: number;
  readonly lines: number;
}

export interface ChunkSize {
  readonly lines: number;
  readonly units: number;
}

/** With it a line is too long still; and one whose beginning is good, or empty, is bad when its rest was left out. */
const cutMark = "…";

/** Takes a text piece by piece, and leaves of a line that is too long the beginning and the mark. */
class LineCutter {
  /** Of the line that the last piece ended in. */
  #units = 0;

  cut(piece: string): string {
    const kept: string[] = [];
    let from = 0;
    for (let at = 0; at < piece.length;) {
      const feed = piece.indexOf("\n", at);
      const end = feed < 0 ? piece.length : feed;
      const room = maxLineUnits - this.#units;
      this.#units += end - at;
      if (end - at > room) {
        // Below 0: an earlier piece has the mark.
        if (room >= 0) kept.push(piece.slice(from, at + room), cutMark);
        from = end;
      }
      if (feed >= 0) this.#units = 0;
      at = end + 1;
    }
    return kept.join("") + piece.slice(from);
  }
}

function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first !== 0 && second === 0) return "utf-16le";
  return first === 0xfe && second === 0xff || first === 0 && second !== 0 ? "utf-16be" : "utf-8";
}

export class TextChunks {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #cutter = new LineCutter();
  #decoder: TextDecoder | null = null;
  #text = "";
  #hasEnded = false;
  /** Of the next chunk. */
  #line = 1;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** As many lines as there may be, and at least one; null at the end. */
  async next({ lines, units }: ChunkSize): Promise<Chunk | null> {
    let [end, count] = [0, 0];
    while (count < lines) {
      const lineEnd = this.#lineEnd(end);
      if (lineEnd === null) {
        await this.#read();
        continue;
      }
      if (lineEnd === end || count > 0 && lineEnd > units) break;
      [end, count] = [lineEnd, count + 1];
    }
    return count === 0 ? null : this.#take(end, count);
  }

  /** Where the line ends that begins at `from`, its line feed included; null: more of it is to be read. */
  #lineEnd(from: number): number | null {
    const at = this.#text.indexOf("\n", from);
    if (at >= 0) return at + 1;
    return this.#hasEnded ? this.#text.length : null;
  }

  #take(end: number, lines: number): Chunk {
    const text = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    const first = this.#line;
    this.#line += lines;
    return { text: text.endsWith("\n") ? text.slice(0, -1) : text, first, lines };
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done) {
      this.#hasEnded = true;
      this.#text += this.#cutter.cut(this.#decoder?.decode() ?? "");
      return;
    }
    this.#decoder ??= new TextDecoder(encodingOf(value));
    this.#text += this.#cutter.cut(this.#decoder.decode(value, { stream: true }));
  }
}
