/**
 * Requests between parties of the simulation.
 *
 * 1. A request travels, takes effect, and its answer travels back; each leg takes a random time, so requests of one
 *    party overtake each other.
 * 2. What a party sent before it died takes effect or not, by chance. A dead party hears nothing.
 * 3. "unknown" tells the party that it has to ask again or give up; the effect may have happened, may still happen,
 *    or never will.
 */

import type { Agenda } from "./agenda.ts";
import { type Faults, noFaults } from "./faults.ts";
import type { Prng } from "./prng.ts";
import type { Trace } from "./trace.ts";

/** Something that can die. */
export interface Party {
  readonly name: string;
  isAlive: boolean;
}

export type Outcome<T> = { readonly type: "answered"; readonly value: T } | { readonly type: "unknown" };

export interface Request<T> {
  readonly from: Party;
  /** For the trace; with the effect's own words appended where it has any. */
  readonly label: string;
  readonly effect: () => T;
  readonly settle: (outcome: Outcome<T>) => void;
  /** The request may take effect twice. */
  readonly mayRepeat?: boolean;
}

export class Network {
  faults: Faults;
  readonly #agenda: Agenda;
  readonly #prng: Prng;
  readonly #trace: Trace;

  constructor(agenda: Agenda, prng: Prng, trace: Trace, faults: Faults) {
    this.#agenda = agenda;
    this.#prng = prng;
    this.#trace = trace;
    this.faults = faults;
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.faults = noFaults;
  }

  /** How long one leg takes. */
  legMs(): number {
    const { slowChance, slowMs, legMs } = this.faults;
    return this.#prng.next() * (this.#prng.chance(slowChance) ? slowMs : legMs);
  }

  request<T>({ from, label, effect, settle, mayRepeat = false }: Request<T>): void {
    const { requestLossChance, answerLossChance, impatienceChance, repeatChance } = this.faults;
    let isSettled = false;
    const finish = (outcome: Outcome<T>) => {
      if (isSettled || !from.isAlive) return;
      isSettled = true;
      if (outcome.type === "unknown") this.#log(`${from.name} does not know: ${label}`);
      settle(outcome);
    };
    const giveUp = () => this.#agenda.after(3 * this.legMs(), () => finish({ type: "unknown" }));
    const travel = (then: (value: T) => void) =>
      this.#agenda.after(this.legMs(), () => {
        if (!from.isAlive && this.#prng.chance(0.5)) return;
        this.#log(`${from.name} ${label}`);
        then(effect());
      });
    if (this.#prng.chance(impatienceChance)) {
      this.#agenda.after(this.legMs(), () => finish({ type: "unknown" }));
    }
    if (mayRepeat && this.#prng.chance(repeatChance)) travel(() => {});
    if (this.#prng.chance(requestLossChance)) giveUp();
    else {
      travel((value) => {
        if (this.#prng.chance(answerLossChance)) giveUp();
        else this.#agenda.after(this.legMs(), () => finish({ type: "answered", value }));
      });
    }
  }

  #log(line: string): void {
    this.#trace.add(this.#agenda.nowMs, line);
  }
}
