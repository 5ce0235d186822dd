/**
 * What is made to go wrong inside turns: they throw, or end their host.
 *
 * 1. It goes wrong in a turn that was never begun before, not in one that is folded anew, and then in every replay of
 *    it: as often as its host is to die, and for ever when it is to throw, like a bug that is in the code.
 * 2. It goes wrong at the turn's end, when the state has changed and messages are sent: all of that must be undone.
 */

import type { Address, Context } from "../core/actor.ts";
import { actorKey } from "../core/actor_table.ts";
import type { DeadLetter } from "../core/checkpoint.ts";
import type { AnyDefinition } from "../core/registry.ts";

const thrown = "The test makes this turn throw";

/** Whether the message is dead because its turn was made to throw. */
export function isMadeToThrow({ detail }: Pick<DeadLetter, "detail">): boolean {
  return detail.startsWith(thrown);
}

export class Faults {
  /** By `actorKey`: what the next new turn does, how often its host dies and whether it throws then. */
  readonly #armed = new Map<string, { deaths: number; throws: boolean }>();
  /** By turn: hosts that it has yet to end. */
  readonly #deadly = new Map<string, number>();
  /** Turns that throw. */
  readonly #throwing = new Set<string>();
  /** Turns that were begun. */
  readonly #begun = new Set<string>();
  readonly #die: () => never;

  /** `die` ends the host. */
  constructor(die: () => never) {
    this.#die = die;
  }

  /** The actor's next turn throws. */
  crash(address: Address): void {
    this.#arm(address).throws = true;
  }

  /** The actor's next turn ends its host, so many times. */
  kill(address: Address, times: number): void {
    this.#arm(address).deaths = times;
  }

  #arm(address: Address): { deaths: number; throws: boolean } {
    const key = actorKey(address);
    const armed = this.#armed.get(key) ?? { deaths: 0, throws: false };
    this.#armed.set(key, armed);
    return armed;
  }

  /** The definition, with what goes wrong in it. */
  within(definition: AnyDefinition): AnyDefinition {
    return this.#wrap(definition, (context) => {
      const { turnId } = context;
      if (!this.#begun.has(turnId)) this.#begin(turnId, actorKey(context.self));
      const deaths = this.#deadly.get(turnId) ?? 0;
      if (deaths > 0) {
        this.#deadly.set(turnId, deaths - 1);
        this.#die();
      }
      this.#throwAgain(context);
    });
  }

  #begin(turnId: string, key: string): void {
    this.#begun.add(turnId);
    const armed = this.#armed.get(key);
    if (armed === undefined) return;
    this.#armed.delete(key);
    this.#deadly.set(turnId, armed.deaths);
    if (armed.throws) this.#throwing.add(turnId);
  }

  /** The same for a replay, in which nothing new goes wrong. */
  replayed(definition: AnyDefinition): AnyDefinition {
    return this.#wrap(definition, (context) => this.#throwAgain(context));
  }

  #throwAgain({ turnId }: Context): void {
    if (this.#throwing.size > 0 && this.#throwing.has(turnId)) throw new Error(thrown);
  }

  /** Not by a spread: a definition may be an instance of a class. */
  #wrap(definition: AnyDefinition, after: (context: Context) => void): AnyDefinition {
    const { kind, state, message, queries } = definition;
    const wrapped: AnyDefinition = {
      kind,
      state,
      message,
      queries,
      receive: (state, message, context) => {
        definition.receive(state, message, context);
        after(context);
      },
    };
    if (definition.answered === undefined) return wrapped;
    return {
      ...wrapped,
      answered: (state, answer, context) => {
        definition.answered?.(state, answer, context);
        after(context);
      },
    };
  }
}
