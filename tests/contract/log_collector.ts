/** What a subscription delivered, and waiting for it. */

import type { LogFrame } from "../../runtime/core/log_frame.ts";
import { within } from "../services/within.ts";

export class Collector {
  readonly frames: LogFrame[] = [];
  readonly #waiting = new Set<() => void>();
  /** Give this to `subscribe`. */
  readonly deliver = (frames: readonly LogFrame[]): void => {
    this.frames.push(...frames);
    for (const check of this.#waiting) check();
  };

  get offsets(): number[] {
    return this.frames.map((frame) => frame.offset);
  }

  get texts(): string[] {
    return this.frames.map((frame) => frame.text);
  }

  async count(count: number): Promise<void> {
    let check = () => {};
    const reached = new Promise<void>((resolve) => {
      check = () => this.frames.length >= count ? resolve() : undefined;
    });
    this.#waiting.add(check);
    check();
    await within(`${count} frames, of which ${this.frames.length} have come`, reached);
    this.#waiting.delete(check);
  }
}

export const range = (from: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - from) }, (_, place) => from + place);
