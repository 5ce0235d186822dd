/**
 * Reads a body as text.
 *
 * 1. It holds at most `maxBytes` of what arrives and at most `maxBytes` of what that unpacks to: inflating stops
 *    at the limit, whatever the ratio.
 * 2. It ends by the deadline.
 * 3. The text is nested at most `maxDepth` deep where that could matter.
 */

import { gunzipSync } from "node:zlib";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { BodyDeadlines } from "./body_deadline.ts";
import { harmlessBytes, maxDepth } from "./limits.ts";
import { isNestedDeeper } from "./nesting.ts";
import { ProblemError } from "./problem.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

export interface BodyOptions {
  readonly maxBytes: number;
  readonly deadlines: BodyDeadlines;
  /** NDJSON: every line is nested by itself. */
  readonly isLines: boolean;
}

export async function readText(
  request: Request,
  { maxBytes, deadlines, isLines }: BodyOptions,
): Promise<string> {
  const unpack = isGzip(request);
  const arrived = await readBytes(request, maxBytes, deadlines);
  const bytes = unpack ? inflate(arrived, maxBytes) : arrived;
  if (bytes.length > harmlessBytes && isNestedDeeper(bytes, maxDepth, isLines)) {
    throw new ProblemError("malformed-body", `The body is nested more than ${maxDepth} deep.`);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ProblemError("malformed-body", "The body is not UTF-8.");
  }
}

function isGzip(request: Request): boolean {
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

async function readBytes(
  request: Request,
  maxBytes: number,
  deadlines: BodyDeadlines,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes, `it has ${length}`);
  try {
    // With a known length the server reads it in one piece: twice as fast as a stream.
    if (length !== null) return await deadlines.within(request.bytes(), () => {});
    return request.body === null ? new Uint8Array() : await readStream(request.body, maxBytes, deadlines);
  } catch (thrown) {
    if (thrown instanceof ProblemError) throw thrown;
    // Whoever sent it has gone or broke the protocol; most likely nobody reads this answer.
    throw new ProblemError("malformed-body", `The body did not arrive whole: ${errorMessage(thrown)}`);
  }
}

function readStream(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  deadlines: BodyDeadlines,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const stop = () => void reader.cancel().catch(() => {/* it is gone already */});
  const collect = async () => {
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return concat(parts, size);
      size += value.length;
      if (size > maxBytes) {
        stop();
        throw tooLarge(maxBytes, "it goes on after that");
      }
      parts.push(value);
    }
  };
  return deadlines.within(collect(), stop);
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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
