/** What clients ask for: random programs for a handful of actors. */

import type { Address, Json } from "../core/actor.ts";
import { controlBody } from "../core/control.ts";
import { type Op, type Program, programKinds, unknownKind } from "./program.ts";
import type { Prng } from "./prng.ts";

const maxDepth = 3;

/** What a client has to say to an actor. */
export type Item =
  | { readonly type: "message"; readonly to: Address; readonly message: Program }
  | { readonly type: "control"; readonly to: Address; readonly body: Json };

export function bodyOf(item: Item): Json {
  return item.type === "message" ? item.message : item.body;
}

export class Workload {
  readonly #prng: Prng;
  readonly ids: readonly string[];
  readonly #longTimers: boolean;
  /** Of an item to be a control. */
  readonly #controlChance: number;
  readonly #killChance: number;

  /** `killChance`: that of an operation to bring its host down. */
  constructor(prng: Prng, killChance: number) {
    this.#prng = prng;
    this.#killChance = killChance;
    this.ids = Array.from(
      { length: prng.range(3, 10) },
      (_, index) => `${"abcdefghij"[index]}${prng.int(100)}`,
    );
    this.#longTimers = prng.chance(0.5);
    this.#controlChance = prng.pick([0, 0.1, 0.3]);
  }

  address(): Address {
    return { kind: this.#prng.pick(programKinds), id: this.#prng.pick(this.ids) };
  }

  ops(depth = 0): readonly Op[] {
    return Array.from({ length: this.#prng.range(1, depth === 0 ? 4 : 2) }, () => this.#op(depth));
  }

  #op(depth: number): Op {
    const prng = this.#prng;
    if (prng.chance(this.#killChance)) return ["kill", prng.chance(0.3) ? "always" : prng.range(1, 2)];
    const choice = prng.next();
    if (depth >= maxDepth || choice < 0.3) return ["add", prng.range(1, 9)];
    if (choice < 0.6) {
      const kind = prng.chance(0.02) ? unknownKind : prng.pick(programKinds);
      return ["send", kind, prng.pick(this.ids), prng.chance(0.15) ? 5 : 1, this.ops(depth + 1)];
    }
    if (choice < 0.8) return ["timer", prng.pick(["x", "y", "z"]), this.#delayMs(), this.ops(depth + 1)];
    if (choice < 0.85) return ["cancel", prng.pick(["x", "y", "z"])];
    // A message from outside has no sender: a reply to it throws, and throws are to stay rare.
    if (choice < 0.92 && depth > 0) return ["reply", this.ops(depth + 1)];
    if (choice < 0.95) return ["throw", prng.range(2, 6)];
    return choice < 0.97 ? ["dead", prng.pick(["odd", "late"])] : ["add", 1];
  }

  #control(): Json {
    const choice = this.#prng.next();
    if (choice < 0.02) return { control: "nonsense" };
    return controlBody(choice < 0.7 ? "resume" : "discard");
  }

  #delayMs(): number {
    const prng = this.#prng;
    return this.#longTimers && prng.chance(0.3) ? prng.range(500, 5000) : prng.range(0, 60);
  }

  /** The items of one body. `next` numbers a message for an actor; `suspended`: whom controls are mostly for. */
  items(
    stream: string,
    next: (to: Address) => number,
    suspended: readonly Address[],
  ): readonly Item[] {
    return Array.from({ length: this.#prng.range(1, 4) }, () => {
      const to = this.#prng.chance(0.01) ? { kind: unknownKind, id: "nobody" } : this.address();
      if (this.#prng.chance(this.#controlChance)) {
        const isAimed = suspended.length > 0 && this.#prng.chance(0.8);
        return { type: "control", to: isAimed ? this.#prng.pick(suspended) : to, body: this.#control() };
      }
      return { type: "message", to, message: { s: stream, n: next(to), ops: this.ops() } };
    });
  }
}
