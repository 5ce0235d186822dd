/** The memory that bodies on their way in, and in line, may hold together. */

import { ProblemError } from "./problem.ts";

/** Takes bytes from the budget. Throws a problem when there are not so many left. */
export type Take = (bytes: number) => void;

export class BodyBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Runs `read`, which takes bytes from the budget as it goes, and gives all of them back when it has ended. */
  async during<T>(read: (take: Take) => Promise<T>): Promise<T> {
    let taken = 0;
    try {
      return await read((bytes) => {
        this.#take(bytes);
        taken += bytes;
      });
    } finally {
      this.#bytes -= taken;
    }
  }

  #take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) {
      const detail =
        `Bodies on their way in hold ${this.#bytes} of the ${this.#maxBytes} bytes that they may.`;
      throw new ProblemError("overloaded", detail, { headers: { "retry-after": "1" } });
    }
    this.#bytes += bytes;
  }
}
