/** Bodies of all requests on their way in: what they may hold together, and how long each may take to arrive. */

import { Deadlines } from "../../runtime/node/deadlines.ts";
import { readBytes } from "./body.ts";
import { BodyBudget } from "./body_budget.ts";
import type { HttpLimits } from "./limits.ts";

export class Bodies {
  readonly #maxBytes: number;
  readonly #budget: BodyBudget;
  readonly #deadlines: Deadlines;

  constructor({ maxBodyBytes, maxBodiesBytes, bodyDeadlineMs }: HttpLimits) {
    this.#maxBytes = maxBodyBytes;
    this.#budget = new BodyBudget(Math.max(maxBodyBytes, maxBodiesBytes));
    this.#deadlines = new Deadlines(bodyDeadlineMs);
  }

  /**
   * What `use` gives for the bytes that arrive, packed or not. They count as held until it has ended. Throws a problem
   * when they are too many, take too long, or break off.
   *
   * @param maxBytes of this body
   */
  during<T>(
    request: Request,
    use: (arrived: Uint8Array<ArrayBuffer>) => T | Promise<T>,
    maxBytes = this.#maxBytes,
  ): Promise<T> {
    return this.#budget.during(async (take) =>
      use(await readBytes(request, { maxBytes, deadlines: this.#deadlines }, take))
    );
  }

  /** Ends the timer. */
  close(): void {
    this.#deadlines.close();
  }
}
