/** A look through ids of series for those that a rule would select and has not selected yet. */

import { z } from "zod";
import { type Engine, EngineError } from "../../runtime/node/engine.ts";
import { type Matchers, matches, parseMatchers } from "../series/matchers.ts";
import { askDeadlineMs, maxIdsPerAnswer, maxUnitsPerAnswer } from "./limits.ts";
import { RuleSpec } from "./rule_spec.ts";
import type { Selected } from "./selected.ts";

/** Of a rule's state, what a look needs. */
const Asking = z.object({ spec: RuleSpec.nullable(), series: z.array(z.string()) });
export type Asking = z.output<typeof Asking>;

/** Throws "unavailable" when the rule does not answer. */
export async function askRule(
  engine: Pick<Engine, "ask">,
  name: string,
  consistency: "local" | "strict",
): Promise<Asking> {
  const options = { consistency, deadlineMs: askDeadlineMs };
  const answer = await engine.ask({ kind: "rule", id: name }, "state", {}, options);
  if (answer.type !== "answered") {
    throw new EngineError("unavailable", `The rule ${name} does not say what it has selected`);
  }
  return Asking.parse(JSON.parse(answer.json));
}

/** What a look has found so far. */
export class Look {
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
