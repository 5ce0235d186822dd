/** The words, signs and quoted texts of a PromQL selector, from left to right. */

/** Its message is a sentence without a full stop, about a selector. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

/** As Go reads them, whose rules PromQL's texts follow; by the character after the backslash. */
const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

const space = /[ \t\r\n]*/y;
const quotedText = /"((?:[^"\\\n]|\\[^\n])*)"|'((?:[^'\\\n]|\\[^\n])*)'|`([^`]*)`/y;
const escapeForm = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g;
const maxCodePoint = 0x10ffff;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function unescape(text: string): string {
  return text.replace(
    escapeForm,
    (whole, x?: string, u?: string, long?: string, octal?: string, one?: string) => {
      const hexadecimal = x ?? u ?? long;
      const code = hexadecimal === undefined ? parseInt(octal ?? "", 8) : parseInt(hexadecimal, 16);
      if (one === undefined && code <= maxCodePoint) return String.fromCodePoint(code);
      const plain = one === undefined || !Object.hasOwn(escapes, one) ? undefined : escapes[one];
      if (plain === undefined) {
        throw new SelectorError(
          `A text has ${whole}, which is no escape; a backslash itself is written \\\\`,
        );
      }
      return plain;
    },
  );
}

export class SelectorReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipSpace();
  }

  #skipSpace(): void {
    this.#at += match(space, this.#text, this.#at)?.[0].length ?? 0;
  }

  #pass(length: number): void {
    this.#at += length;
    this.#skipSpace();
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** What `pattern`, which is sticky, finds here. */
  word(pattern: RegExp): string | null {
    const found = match(pattern, this.#text, this.#at)?.[0] ?? null;
    if (found !== null) this.#pass(found.length);
    return found;
  }

  /** The first of the signs that is here; longer ones come first. */
  oneOf<const Sign extends string>(signs: readonly Sign[]): Sign | null {
    const found = signs.find((sign) => this.#text.startsWith(sign, this.#at)) ?? null;
    if (found !== null) this.#pass(found.length);
    return found;
  }

  /** A text in double quotes, single quotes or backticks, in which nothing is escaped. */
  string(): string | null {
    const found = match(quotedText, this.#text, this.#at);
    if (found === null) return null;
    const [whole, double, single, raw] = found;
    this.#pass(whole.length);
    return raw ?? unescape(double ?? single ?? "");
  }

  error(expected: string): SelectorError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const found = rest === "" ? "It ends" : `It has ${JSON.stringify(rest)} at character ${this.#at + 1}`;
    return new SelectorError(`${found} where it needs ${expected}`);
  }
}
