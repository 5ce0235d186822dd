/** What happened, line by line: the last lines for a person, a hash over all of them for comparing two runs. */

const keptLines = 40;

export class Trace {
  readonly #lines: string[] = [];
  readonly #print: ((line: string) => void) | null;
  #hash = 0x811c9dc5;
  #count = 0;

  /** `print` gets every line as it is written. */
  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  add(nowMs: number, line: string): void {
    const text = `${nowMs.toFixed(2)} ${line}`;
    // FNV-1a, 32 bits.
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
    this.#lines[this.#count++ % keptLines] = text;
    this.#print?.(text);
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** The last lines, oldest first. */
  last(): readonly string[] {
    const from = this.#count % keptLines;
    return this.#count <= keptLines
      ? this.#lines.slice()
      : [...this.#lines.slice(from), ...this.#lines.slice(0, from)];
  }
}
