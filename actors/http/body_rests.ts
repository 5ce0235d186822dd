/**
 * What is left of a request that is refused before its body was read.
 *
 * While it is not read, the server ends the connection with its answer: the client may lose the answer, and has to
 * connect again, which costs both sides more than a small body does (3 times, measured with 37 KB).
 */

import type { Deadlines } from "../../runtime/node/deadlines.ts";
import { onePieceBytes } from "./limits.ts";

export class BodyRests {
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines;
  }

  /** Reads the body and forgets it; not one that is large, or of unknown length. */
  async read(request: Request): Promise<void> {
    const length = Number(request.headers.get("content-length") ?? NaN);
    if (!(length <= onePieceBytes) || request.bodyUsed) return;
    // It breaks off or takes too long: the refusal stands.
    await this.#deadlines.within(request.bytes(), () => new Error("late")).catch(() => {});
  }
}
