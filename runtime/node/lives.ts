/**
 * Which lives of a launcher's nodes have died and may still belong to the nodes' agreement, and who takes them out of
 * it. Pure.
 *
 * 1. Of each dead life one ready node is told; another, when that one ends before it has said that it did so.
 * 2. A life that begins gets the names of all that are dead, and has taken them out before it is ready.
 * 3. At most `maxDeadLives` are remembered, the last: what is older has left by the group's own time-out.
 */

import { maxDeadLives } from "./limits.ts";

export interface LivesParts {
  /** The life `to` is to take `dead` out of the agreement. */
  tell(to: string, dead: string): void;
}

export class Lives {
  readonly #parts: LivesParts;
  /** By dead life: which one takes it out; null: none yet. */
  readonly #dead = new Map<string, string | null>();
  /** By life that is not ready yet: the dead that it was given. */
  readonly #given = new Map<string, readonly string[]>();
  readonly #ready = new Set<string>();

  constructor(parts: LivesParts) {
    this.#parts = parts;
  }

  /** Whether any of them is ready. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** Gives the names of the dead. */
  begin(name: string): readonly string[] {
    const dead = [...this.#dead.keys()];
    this.#given.set(name, dead);
    return dead;
  }

  isReady(name: string): void {
    for (const dead of this.#given.get(name) ?? []) this.#dead.delete(dead);
    this.#given.delete(name);
    this.#ready.add(name);
    this.#tell();
  }

  /** One of the dead belongs to the agreement no more. */
  isOut(dead: string): void {
    this.#dead.delete(dead);
  }

  /** It ended in order: it has left the agreement itself. */
  ended(name: string): void {
    this.#given.delete(name);
    this.#ready.delete(name);
    for (const [dead, by] of this.#dead) if (by === name) this.#dead.set(dead, null);
    this.#tell();
  }

  died(name: string): void {
    this.#dead.set(name, null);
    for (const oldest of [...this.#dead.keys()].slice(0, -maxDeadLives)) this.#dead.delete(oldest);
    this.ended(name);
  }

  #tell(): void {
    const [to] = this.#ready;
    if (to === undefined) return;
    for (const [dead, by] of this.#dead) {
      if (by !== null) continue;
      this.#dead.set(dead, to);
      this.#parts.tell(to, dead);
    }
  }
}
