/**
 * A file's text in chunks of whole lines, whatever its encoding.
 *
 * 1. Chunks joined are the text. Where one ends depends on the text and what is asked for alone, not on how it is read.
 * 2. UTF-16 is known by its byte order mark, or by its zeros; everything else is taken for UTF-8, in which what is
 *    none (Latin-1's letters) becomes U+FFFD: of a line of values only columns that are left out have letters.
 * 3. No more than a chunk and what is read at a time is in memory; a line longer than a chunk is a `TooLongLine`.
 */

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

export class TooLongLine extends Error {
  override readonly name = "TooLongLine";
  constructor(readonly line: number, units: number) {
    super(`Its line ${line} is longer than ${units} characters: this is no CSV`);
  }
}

function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe || first !== 0 && second === 0) return "utf-16le";
  return first === 0xfe && second === 0xff || first === 0 && second !== 0 ? "utf-16be" : "utf-8";
}

export class TextChunks {
  readonly #source: AsyncIterator<Uint8Array>;
  #decoder: TextDecoder | null = null;
  #text = "";
  #hasEnded = false;
  /** Of the next chunk. */
  #line = 1;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** As many lines as there may be; null at the end. */
  async next({ lines, units }: ChunkSize): Promise<Chunk | null> {
    let [end, count] = [0, 0];
    while (count < lines) {
      const at = this.#text.indexOf("\n", end);
      if (at >= 0 && at + 1 <= units) [end, count] = [at + 1, count + 1];
      else if (at < 0 && this.#text.length <= units && !this.#hasEnded) await this.#read();
      else if (at < 0 && this.#text.length <= units && end < this.#text.length) {
        [end, count] = [this.#text.length, count + 1];
      } else break;
    }
    if (count > 0) return this.#take(end, count);
    if (this.#text === "") return null;
    throw new TooLongLine(this.#line, units);
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
      this.#text += this.#decoder?.decode() ?? "";
      return;
    }
    this.#decoder ??= new TextDecoder(encodingOf(value));
    this.#text += this.#decoder.decode(value, { stream: true });
  }
}
