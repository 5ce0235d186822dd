/** What was stored and refused, told to a person now and then. */

import type { ResultBatch } from "./tables.ts";

const number = new Intl.NumberFormat("en-US");

function counted(count: number, one: string, many: string): string {
  return `${number.format(count)} ${count === 1 ? one : many}`;
}

export class Tally {
  readonly #say: (sentence: string) => void;
  #stored = 0;
  #refused = 0;
  /** Of those since the last line. */
  #newStored = 0;
  #newRefused = 0;
  #lastRefused = "";

  constructor(say: (sentence: string) => void) {
    this.#say = say;
  }

  add({ place: { topic, part }, results, refused }: ResultBatch): void {
    this.#newStored += results.length;
    this.#newRefused += refused.length;
    const last = refused.at(-1);
    if (last !== undefined) {
      this.#lastRefused = `${topic}/${part} at offset ${last.position}: ${last.reason}`;
    }
  }

  /** A line, if there is anything new. */
  tell(): void {
    const [stored, refused] = [this.#newStored, this.#newRefused];
    if (stored + refused === 0) return;
    this.#stored += stored;
    this.#refused += refused;
    this.#newStored = this.#newRefused = 0;
    const trouble = refused === 0 ? "" : `; refused ${refusedText(refused)}, the last ${this.#lastRefused}`;
    this.#say(`Stored ${storedText(stored)}${trouble}`);
  }

  /** Of all that was told. */
  get total(): string {
    return `In all it stored ${storedText(this.#stored)} and refused ${refusedText(this.#refused)}.`;
  }
}

function storedText(count: number): string {
  return counted(count, "result", "results");
}

function refusedText(count: number): string {
  return counted(count, "record", "records");
}
