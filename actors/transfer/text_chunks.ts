/**
 * A file's text in chunks of whole lines, whatever its encoding.
 *
 * 1. Chunks joined are the text, but for what is left out of long lines. Where one ends depends on the text and what is asked for alone, not on how it is read.
 * 2. UTF-16 is known by its byte order mark, or by its zeros; everything else is taken for UTF-8, in which what is
 *    none (Latin-1's letters) becomes U+FFFD: of a line of values only columns that are left out have letters.
 * 3. No more than a chunk and what is read at a time is in memory: of a line that is longer than the longest that is read,
 *    so much is kept that whoever reads it sees that.
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

/** What is kept of a line: one that is too long stays so. */
const keptUnits = maxLineUnits + 1;

function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first !== 0 && second === 0) return "utf-16le";
  return first === 0xfe && second === 0xff || first === 0 && second !== 0 ? "utf-16be" : "utf-8";
}

export class TextChunks {
  readonly #source: AsyncIterator<Uint8Array>;
  #decoder: TextDecoder | null = null;
  #text = "";
  /** Whether the rest of the last line in `#text` is left out. */
  #isCut = false;
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
    const text = this.#text;
    const at = text.indexOf("\n", from);
    const length = (at < 0 ? text.length : at) - from;
    if (length > keptUnits) {
      this.#text = text.slice(0, from + keptUnits) + (at < 0 ? "" : text.slice(at));
      this.#isCut = at < 0;
      return this.#lineEnd(from);
    }
    if (at >= 0) return at + 1;
    return this.#hasEnded ? text.length : null;
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
      this.#append(this.#decoder?.decode() ?? "");
      return;
    }
    this.#decoder ??= new TextDecoder(encodingOf(value));
    this.#append(this.#decoder.decode(value, { stream: true }));
  }

  #append(text: string): void {
    const at = this.#isCut ? text.indexOf("\n") : 0;
    if (at < 0) return;
    this.#isCut = false;
    this.#text += text.slice(at);
  }
}
