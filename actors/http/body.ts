/**
 * Reads a body, and makes text of it: the first takes as long as its sender does, the second only our time.
 *
 * 1. It holds at most `maxBytes` of what arrives and at most `maxBytes` of what that unpacks to: inflating stops
 *    at the limit, whatever the ratio.
 * 2. What arrives is taken from the budget of all bodies as it arrives.
 * 3. Reading ends by the deadline.
 * 4. The text is nested at most `maxDepth` deep where that could matter.
 */

import { gunzipSync } from "node:zlib";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { Deadlines } from "../../runtime/node/deadlines.ts";
import type { Take } from "./body_budget.ts";
import { harmlessBytes, maxDepth, onePieceBytes } from "./limits.ts";
import { isNestedDeeper } from "./nesting.ts";
import { ProblemError } from "./problem.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

export interface BodyOptions {
  readonly maxBytes: number;
  readonly deadlines: Deadlines;
}

export interface TextOptions {
  readonly isGzip: boolean;
  readonly maxBytes: number;
  /** NDJSON: every line is nested by itself. */
  readonly isLines: boolean;
}

/** Throws a problem when it is not text, or too much. */
export function bodyText(arrived: Uint8Array, { isGzip, maxBytes, isLines }: TextOptions): string {
  const bytes = isGzip ? inflate(arrived, maxBytes) : arrived;
  if (bytes.length > harmlessBytes && isNestedDeeper(bytes, maxDepth, isLines)) {
    throw new ProblemError("malformed-body", `The body is nested more than ${maxDepth} deep.`);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProblemError("malformed-body", "The body is not UTF-8.");
  }
}

/** Throws a problem when the body is packed in another way. */
export function isGzip(request: Request): boolean {
  const encoding = request.headers.get("content-encoding");
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case "":
    case "identity":
      return false;
    case "gzip":
    case "x-gzip":
      return true;
    default: {
      const detail = `Content-Encoding is ${encoding}; understood are gzip and identity.`;
      throw new ProblemError("unknown-media-type", detail, { headers: { "accept-encoding": "gzip" } });
    }
  }
}

/** What arrives, packed or not. Throws a problem when that is too much, takes too long, or breaks off. */
export async function readBytes(
  request: Request,
  { maxBytes, deadlines }: BodyOptions,
  take: Take,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = request.headers.get("content-length");
  const length = header === null ? Infinity : Number(header);
  if (header !== null && length > maxBytes) throw tooLarge(maxBytes, `it has ${header}`);
  try {
    if (length <= onePieceBytes) {
      take(length);
      return await deadlines.within(request.bytes(), () => tooSlow(deadlines));
    }
    if (request.body === null) return new Uint8Array();
    return await readStream(request.body, maxBytes, deadlines, take);
  } catch (thrown) {
    if (thrown instanceof ProblemError) throw thrown;
    // Whoever sent it has gone or broke the protocol; most likely nobody reads this answer.
    throw new ProblemError("malformed-body", `The body did not arrive whole: ${errorMessage(thrown)}`);
  }
}

async function readStream(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  deadlines: Deadlines,
  take: Take,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const collect = async () => {
    const gathered = new Gathered();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return gathered.bytes;
      if (gathered.size + value.length > maxBytes) throw tooLarge(maxBytes, "it goes on after that");
      take(value.length);
      gathered.add(value);
    }
  };
  try {
    return await deadlines.within(collect(), () => tooSlow(deadlines));
  } catch (thrown) {
    // Nothing more of it is read, so nothing more of it is held.
    void reader.cancel().catch(() => {/* it is gone already */});
    throw thrown;
  }
}

/** Bytes in one piece of memory of their own: a stream's chunk may keep 64 KiB alive for a single byte. */
class Gathered {
  #memory = new Uint8Array(onePieceBytes);
  size = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(0, this.size);
  }

  add(chunk: Uint8Array): void {
    const size = this.size + chunk.length;
    if (size > this.#memory.length) {
      const grown = new Uint8Array(Math.max(size, 2 * this.#memory.length));
      grown.set(this.bytes);
      this.#memory = grown;
    }
    this.#memory.set(chunk, this.size);
    this.size = size;
  }
}

function tooSlow({ deadlineMs }: Deadlines): ProblemError {
  return new ProblemError("body-too-slow", `The body did not arrive within ${deadlineMs / 1000} s.`);
}

function inflate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (thrown) {
    const isBomb = thrown instanceof Error && "code" in thrown && thrown.code === "ERR_BUFFER_TOO_LARGE";
    if (isBomb) throw tooLarge(maxBytes, "it unpacks to more");
    throw new ProblemError("malformed-body", `The body is not gzip: ${errorMessage(thrown)}.`);
  }
}

function tooLarge(maxBytes: number, found: string): ProblemError {
  return new ProblemError("body-too-large", `A body has at most ${maxBytes} bytes; ${found}.`, {
    members: { maxBytes },
  });
}
