/**
 * Fetches a text from an address that somebody configured, whatever answers there.
 *
 * 1. It holds at most `maxBytes` of the answer, unpacked, and takes them from the budget of all.
 * 2. It ends by its time-out, also where the answer never does.
 * 3. It follows no redirect: what is sent along is for the address that was given.
 */

import { bodyChunks } from "../../../runtime/body_chunks.ts";
import { errorMessage } from "../../../runtime/core/errors.ts";
import type { FailureCode } from "./scrape_messages.ts";

/** Its message is a sentence without a full stop. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  constructor(readonly code: FailureCode, message: string, options: ErrorOptions = {}) {
    super(message, options);
  }
}

/** Bytes that all answers on their way in hold together. */
export class AnswerBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) {
      const sentence =
        `Answers of other sources hold ${this.#bytes} of ${this.#maxBytes} bytes; it is read again later`;
      throw new AnswerError("overloaded", sentence);
    }
    this.#bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export interface Asking {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a form that is posted; null: it is a GET. */
  readonly form: URLSearchParams | null;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly budget: AnswerBudget;
  readonly signal: AbortSignal;
}

export interface AnswerText {
  readonly status: number;
  /** Of the header, in lower case, without parameters; empty where there is none. */
  readonly mediaType: string;
  readonly text: string;
  readonly bytes: number;
}

async function collect(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes, budget }: Asking,
): Promise<{ readonly text: string; readonly bytes: number }> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  try {
    // Leaving the loop cancels the body: nothing more of it is read.
    for await (const chunk of chunks) {
      budget.take(chunk.length);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new AnswerError(
          "too-large",
          `Its answer has more than ${maxBytes / 2 ** 20} MiB, which are the most`,
        );
      }
      parts.push(decoder.decode(chunk, { stream: true }));
    }
    parts.push(decoder.decode());
    return { text: parts.join(""), bytes };
  } finally {
    budget.giveBack(bytes);
  }
}

function redirectSentence(response: Response, url: string): string {
  const location = URL.parse(response.headers.get("location") ?? "", url);
  const where = location === null ? "elsewhere" : `to ${location.origin}${location.pathname}`;
  return `It answers with ${response.status}, ${where}; give the address that answers itself`;
}

async function ask(asking: Asking, signal: AbortSignal): Promise<AnswerText> {
  const { url, headers, form } = asking;
  const response = await fetch(url, {
    method: form === null ? "GET" : "POST",
    headers,
    ...form !== null && { body: form },
    redirect: "manual",
    signal,
  });
  const { status } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    throw new AnswerError("status", redirectSentence(response, url));
  }
  const mediaType = response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const { text, bytes } = response.body === null
    ? { text: "", bytes: 0 }
    : await collect(bodyChunks(response.body, signal), asking);
  return { status, mediaType, text, bytes };
}

/** Without the address, which may have a secret behind its question mark. */
function reasonOf(thrown: unknown): string {
  return errorMessage(thrown).replace(/(?:error sending request )?(?:for|from) url \([^)]*\):?\s*/g, "")
    .slice(0, 300);
}

/** Throws an `AnswerError`; or anything once `signal` is aborted, when nobody waits for it. */
export async function askForText(asking: Asking): Promise<AnswerText> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), asking.timeoutMs);
  try {
    return await ask(asking, AbortSignal.any([late.signal, asking.signal]));
  } catch (thrown) {
    if (thrown instanceof AnswerError || asking.signal.aborted) throw thrown;
    if (late.signal.aborted) {
      const sentence = `It has not answered within ${asking.timeoutMs / 1000} s`;
      throw new AnswerError("timeout", sentence, { cause: thrown });
    }
    throw new AnswerError("unreachable", `It cannot be reached: ${reasonOf(thrown)}`, { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}
