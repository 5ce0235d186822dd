/**
 * Requests of nodes to the services that they share, and messages between nodes.
 *
 * 1. A request travels, takes effect, and its answer travels back; each leg takes a random time, so requests of one
 *    party overtake each other.
 * 2. What a party sent before it died takes effect or not, by chance. A dead party hears nothing; one whose process is
 *    paused hears it when it goes on.
 * 3. "full" tells the party that there was no room. "unknown" tells it that it has to ask again or give up; the effect
 *    may have happened, may still happen, or never will.
 */

import type { Agenda } from "./agenda.ts";
import { type Faults, noFaults } from "./faults.ts";
import { type Delay, Links, type Service } from "./links.ts";
import type { Prng } from "./prng.ts";
import type { Process } from "./process.ts";
import type { Trace } from "./trace.ts";

/** Thrown by an effect: there is no room for it, and nothing has happened. */
export class DiskFull extends Error {
  override readonly name = "DiskFull";
}

/** How long a party waits for room before it asks again, beside what the network takes. */
const fullPauseMs = 5;

/** Something in a process that can die by itself. */
export interface Party {
  readonly name: string;
  readonly isAlive: boolean;
  readonly process: Process;
}

export type Outcome<T> =
  | { readonly type: "answered"; readonly value: T }
  /** The effect did not happen by this request; it may by a repeat of it. */
  | { readonly type: "full" }
  | { readonly type: "unknown" };

export interface Request<T> {
  readonly from: Party;
  readonly to: Service;
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
  readonly links: Links;
  readonly #agenda: Agenda;
  readonly #prng: Prng;
  readonly #trace: Trace;

  constructor(agenda: Agenda, prng: Prng, trace: Trace, faults: Faults) {
    this.#agenda = agenda;
    this.#prng = prng;
    this.#trace = trace;
    this.faults = faults;
    this.links = new Links(agenda);
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.faults = noFaults;
    this.links.heal();
  }

  /** How long one leg takes. */
  legMs(): number {
    const { slowChance, slowMs, legMs } = this.faults;
    return this.#prng.next() * (this.#prng.chance(slowChance) ? slowMs : legMs);
  }

  /** Lets something happen at the other end of a way, or `lost`. */
  #travel(delay: Delay, pauseMs: number, lossChance: number, arrive: () => void, lost: () => void): void {
    if (delay === "lost" || this.#prng.chance(lossChance)) lost();
    else this.#agenda.after(this.legMs() + delay + pauseMs, arrive);
  }

  request<T>({ from, to, label, effect, settle, mayRepeat = false }: Request<T>): void {
    const { requestLossChance, answerLossChance, impatienceChance, repeatChance } = this.faults;
    const { slot } = from.process;
    const { links } = this;
    let isSettled = false;
    const finish = (outcome: Outcome<T>) =>
      from.process.run(() => {
        if (isSettled || !from.isAlive) return;
        isSettled = true;
        if (outcome.type === "unknown") this.#log(`${from.name} does not know: ${label}`);
        if (outcome.type === "full") this.#log(`${from.name} finds no room: ${label}`);
        settle(outcome);
      });
    const giveUp = () => this.#agenda.after(3 * this.legMs(), () => finish({ type: "unknown" }));
    const arrive = (then: (outcome: Outcome<T>) => void) => () => {
      if (!(from.isAlive && from.process.isAlive) && this.#prng.chance(0.5)) return;
      this.#log(`${from.name} ${label}`);
      then(outcomeOf(effect));
    };
    const answer = (outcome: Outcome<T>) => {
      const pauseMs = outcome.type === "full" ? fullPauseMs : 0;
      const delay = links.delay(slot, to, "back");
      this.#travel(delay, pauseMs, answerLossChance, () => finish(outcome), giveUp);
    };
    if (this.#prng.chance(impatienceChance)) {
      this.#agenda.after(this.legMs(), () => finish({ type: "unknown" }));
    }
    const delay = links.delay(slot, to, "there");
    if (mayRepeat && this.#prng.chance(repeatChance)) this.#travel(delay, 0, 0, arrive(() => {}), () => {});
    this.#travel(delay, 0, requestLossChance, arrive(answer), giveUp);
  }

  /** A message from node to node, which arrives or does not. */
  send(from: Process, to: Process, arrive: () => void): void {
    const there = this.links.delay(from.slot, "nodes", "there");
    const back = this.links.delay(to.slot, "nodes", "back");
    const delay = there === "lost" || back === "lost" ? "lost" : there + back;
    this.#travel(delay, 0, this.faults.requestLossChance, () => to.run(arrive), () => {});
  }

  #log(line: string): void {
    this.#trace.add(this.#agenda.nowMs, line);
  }
}
