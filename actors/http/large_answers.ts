/**
 * Answers that a client may be slow to read, or never read.
 *
 * 1. A large answer is handed over piece by piece as it is read; until then it is held here, and all of them together
 *    hold at most `maxBytes`: above, requests for more are refused.
 * 2. One that is not read to its end by the deadline is given up, and its connection with it.
 *
 * A small one is handed over at once: the system's own buffers for a connection hold as much.
 */

import { errorMessage } from "../../runtime/core/errors.ts";
import type { Deadlines } from "../../runtime/node/deadlines.ts";
import { largeAnswerBytes } from "./limits.ts";
import { ProblemError } from "./problem.ts";

/** An answer that is known to be small: to look at a body makes a stream of it, which costs more than the rest. */
export class SmallAnswer extends Response {}

/** An answer of this text. */
export function textAnswer(text: string, init: ResponseInit): Response {
  // UTF-8 takes 3 bytes at most for what is one unit here.
  return text.length * 3 <= largeAnswerBytes ? new SmallAnswer(text, init) : new Response(text, init);
}

export class LargeAnswers {
  readonly #maxBytes: number;
  readonly #deadlines: Deadlines;
  #heldBytes = 0;

  constructor(maxBytes: number, deadlines: Deadlines) {
    this.#maxBytes = maxBytes;
    this.#deadlines = deadlines;
  }

  /** The answer, so that it holds no more than may be. Throws a problem when there is no room for it. */
  async bound(answer: Response): Promise<Response> {
    if (answer instanceof SmallAnswer || answer.body === null) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const { status, headers } = answer;
    if (bytes.length <= largeAnswerBytes) return new Response(bytes, { status, headers });
    if (this.#heldBytes + bytes.length > this.#maxBytes) {
      const detail =
        `Answers that their clients have yet to read hold ${this.#heldBytes} of the ${this.#maxBytes} bytes that ` +
        "they may.";
      throw new ProblemError("overloaded", detail);
    }
    headers.set("content-length", String(bytes.length));
    return new Response(this.#stream(bytes), { status, headers });
  }

  #stream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
    this.#heldBytes += bytes.length;
    const read = Promise.withResolvers<void>();
    let at = 0;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        const late = () => new Error(`An answer was not read within ${this.#deadlines.deadlineMs / 1000} s.`);
        this.#deadlines.within(read.promise, late)
          // Only an error ends the connection; and the server prints it, an `Error` with its stack.
          .catch((thrown) => controller.error(errorMessage(thrown)))
          .finally(() => this.#heldBytes -= bytes.length);
      },
      pull: (controller) => {
        if (at < bytes.length) return controller.enqueue(bytes.subarray(at, at += largeAnswerBytes));
        controller.close();
        read.resolve();
      },
      cancel: () => read.resolve(),
    }, { highWaterMark: 0 });
  }
}
