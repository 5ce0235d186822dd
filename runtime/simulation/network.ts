/**
 * Requests between parties of the simulation.
 *
 * 1. A request travels, takes effect, and its answer travels back; each leg takes a random time, so requests of one
 *    party overtake each other.
 * 2. What a party sent before it died takes effect or not, by chance. A dead party hears nothing.
 * 3. "full" tells the party that there was no room. "unknown" tells it that it has to ask again or give up; the effect
 *    may have happened, may still happen, or never will.
 */

import type { Agenda } from "./agenda.ts";
import { type Faults, noFaults } from "./faults.ts";
import type { Prng } from "./prng.ts";
import type { Trace } from "./trace.ts";

/** Thrown by an effect: there is no room for it, and nothing has happened. */
export class DiskFull extends Error {
  override readonly name = "DiskFull";
}

/** How long a party waits for room before it asks again, beside what the network takes. */
const fullPauseMs = 5;

/** Something that can die. */
export interface Party {
  readonly name: string;
  isAlive: boolean;
}

export type Outcome<T> =
  | { readonly type: "answered"; readonly value: T }
  /** The effect did not happen by this request; it may by a repeat of it. */
  | { readonly type: "full" }
  | { readonly type: "unknown" };

export interface Request<T> {
  readonly from: Party;
  /** For the trace; with the effect's own words appended where it has any. */
  readonly label: string;
  readonly effect: () => T;
  readonly settle: (outcome: Outcome<T>) => void;
  /** The request may take effect twice. */
  readonly mayRepeat?: boolean;
}

function outcomeOf<T>(effect: () => T): Outcome<T> {
  try {
    return { type: "answered", value: effect() };
  } catch (thrown) {
    if (thrown instanceof DiskFull) return { type: "full" };
    throw thrown;
  }
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
      if (outcome.type === "full") this.#log(`${from.name} finds no room: ${label}`);
      settle(outcome);
    };
    const giveUp = () => this.#agenda.after(3 * this.legMs(), () => finish({ type: "unknown" }));
    const travel = (then: (outcome: Outcome<T>) => void) =>
      this.#agenda.after(this.legMs(), () => {
        if (!from.isAlive && this.#prng.chance(0.5)) return;
        this.#log(`${from.name} ${label}`);
        then(outcomeOf(effect));
      });
    if (this.#prng.chance(impatienceChance)) {
      this.#agenda.after(this.legMs(), () => finish({ type: "unknown" }));
    }
    if (mayRepeat && this.#prng.chance(repeatChance)) travel(() => {});
    if (this.#prng.chance(requestLossChance)) giveUp();
    else {
      travel((outcome) => {
        const pauseMs = outcome.type === "full" ? fullPauseMs : 0;
        if (this.#prng.chance(answerLossChance)) giveUp();
        else this.#agenda.after(this.legMs() + pauseMs, () => finish(outcome));
      });
    }
  }

  #log(line: string): void {
    this.#trace.add(this.#agenda.nowMs, line);
  }
}
