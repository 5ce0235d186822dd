/**
 * The service `selector`: looks through all series for those that a rule has not selected yet.
 *
 * 1. It asks the rule what it has, so that a request and its answer carry new ids alone.
 * 2. It looks a page at a time: between two, the thread does other things.
 * 3. It sees what is in the store: a series that is new for less than a checkpoint is found by the next look.
 */

import { z } from "zod";
import type { Address } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type Service, serviceOf } from "../../runtime/node/service.ts";
import { type Matchers, matches, parseMatchers } from "../series/matchers.ts";
import {
  askDeadlineMs,
  listedAtOnce,
  looksAtOnce,
  maxIdsPerAnswer,
  maxUnitsPerAnswer,
  maxWaitingLooks,
} from "./limits.ts";
import { RuleSpec } from "./rule_spec.ts";
import type { Selected } from "./selected.ts";

/** Of a rule's state, what a look needs. */
const Asking = z.object({ spec: RuleSpec.nullable(), series: z.array(z.string()) });

/** What of the engine it uses. */
export interface SelectorEngine {
  readonly store: Pick<Engine["store"], "list">;
  readonly ask: Engine["ask"];
}

/** What a look has found so far. */
class Look {
  readonly #matchers: Matchers;
  readonly #known: ReadonlySet<string>;
  readonly #room: number;
  readonly #ids: string[] = [];
  #units = 0;
  #series = 0;
  #matched = 0;
  #new = 0;

  constructor({ match, max }: RuleSpec, selected: readonly string[]) {
    this.#matchers = parseMatchers(match);
    this.#known = new Set(selected);
    this.#room = Math.max(0, max - selected.length);
  }

  at(id: string): void {
    this.#series++;
    if (!matches(this.#matchers, id)) return;
    this.#matched++;
    if (this.#known.has(id) || this.#new >= this.#room) return;
    this.#new++;
    // Those behind one that is left out are left out, too: order decides who is selected.
    const isFull = this.#ids.length < this.#new - 1 || this.#ids.length >= maxIdsPerAnswer ||
      this.#units + id.length > maxUnitsPerAnswer;
    if (isFull) return;
    this.#ids.push(id);
    this.#units += id.length;
  }

  get found(): Selected {
    return {
      ids: this.#ids,
      series: this.#series,
      matched: this.#matched,
      isAll: this.#ids.length === this.#new,
    };
  }
}

async function lookFor(engine: SelectorEngine, rule: Address, signal: AbortSignal): Promise<Selected> {
  const options = { consistency: "local", deadlineMs: askDeadlineMs } as const;
  const answer = await engine.ask(rule, "state", {}, options);
  if (answer.type !== "answered") {
    throw new Error(`${rule.kind} ${rule.id} does not say what it has selected`);
  }
  const { spec, series } = Asking.parse(JSON.parse(answer.json));
  if (spec === null) throw new Error(`The ${rule.kind} ${rule.id} was removed`);
  const look = new Look(spec, series);
  let after: string | null = null;
  do {
    signal.throwIfAborted();
    const page: Awaited<ReturnType<SelectorEngine["store"]["list"]>> = await engine.store.list(
      "series",
      after,
      listedAtOnce,
    );
    for (const id of page.ids) look.at(id);
    after = page.next;
  } while (after !== null);
  return look.found;
}

/** @param engine once it runs */
export function selectorService(engine: Promise<SelectorEngine>): Service {
  return serviceOf(
    { name: "selector", concurrency: looksAtOnce, maxWaiting: maxWaitingLooks },
    async ({ from }, signal) => ({ ...await lookFor(await engine, from, signal) }),
  );
}
