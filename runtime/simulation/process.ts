/**
 * A process of the operating system, which can be stopped for a while and then goes on with what it believes.
 *
 * 1. What happens in it while it is paused happens when it goes on, in the same order. Clocks go on meanwhile.
 * 2. In a process that has ended nothing happens any more.
 */

import type { Agenda } from "./agenda.ts";

export class Process {
  /** Of one life: no other has it. */
  readonly name: string;
  /** The node whose process it is, as a number; a restarted one has it again. */
  readonly slot: number;
  readonly #agenda: Agenda;
  #state: "running" | "paused" | "ended" = "running";
  #held: (() => void)[] = [];

  constructor(agenda: Agenda, slot: number, name: string) {
    this.#agenda = agenda;
    this.slot = slot;
    this.name = name;
  }

  get isAlive(): boolean {
    return this.#state !== "ended";
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  /** Lets something happen in it: now, or when it goes on. */
  run(happen: () => void): void {
    if (this.#state === "running") happen();
    else if (this.#state === "paused") this.#held.push(happen);
  }

  after(delayMs: number, happen: () => void): void {
    this.#agenda.after(delayMs, () => this.run(happen));
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const happen of held) this.after(0, happen);
  }

  end(): void {
    this.#state = "ended";
    this.#held = [];
  }
}
