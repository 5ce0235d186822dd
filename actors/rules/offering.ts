/**
 * Series are offered to the rules before their first values are sent, so that what rules want of them holds for what
 * comes first, too: history that is read from a server has minutes, rates and scores.
 *
 * 1. When it resolves, every series that a rule would select has a message in its mailbox that says what the rule wants.
 * 2. The rule is told then, and has the last word: it tells each of them anew what holds, as of any other.
 * 3. It knows every rule whose configuration was acknowledged before.
 */

import type { Engine } from "../../runtime/node/engine.ts";
import { namesOf } from "../config/configured_names.ts";
import { askDeadlineMs, knownRulesMs } from "./limits.ts";
import { askRule, Look } from "./look.ts";
import type { RuleMessage } from "./rule.ts";
import { messagesFor, type RuleSpec, wantsOf } from "./rule_spec.ts";

/** What of the engine it uses. */
export interface OfferingEngine extends Pick<Engine, "ask" | "batch" | "flush"> {
  readonly store: Pick<Engine["store"], "list">;
}

/** What is known of a rule: what it wants, and what it has selected. */
interface KnownRule {
  readonly name: string;
  readonly spec: RuleSpec;
  readonly selected: string[];
}

async function knownRules(engine: OfferingEngine): Promise<readonly KnownRule[]> {
  await engine.flush(askDeadlineMs);
  const known: KnownRule[] = [];
  for (const name of await namesOf(engine.store, "rule")) {
    const { spec, series } = await askRule(engine, name, "strict");
    if (spec !== null) known.push({ name, spec, selected: series });
  }
  return known;
}

/** @param ids in the order in which rules are to select them, each once */
export async function offerToRules(engine: OfferingEngine, ids: readonly string[]): Promise<void> {
  for (const rule of await knownRules(engine)) await offerTo(engine, rule, ids);
}

/** Whoever offers often, a few series at a time; rules are asked for what they are once in `knownRulesMs`. */
export class FrequentOffers {
  readonly #engine: OfferingEngine;
  readonly #nowMs: () => number;
  #known: { readonly atMs: number; readonly rules: Promise<readonly KnownRule[]> } | null = null;

  /** @param nowMs milliseconds of any beginning */
  constructor(engine: OfferingEngine, nowMs: () => number) {
    this.#engine = engine;
    this.#nowMs = nowMs;
  }

  /** As `offerToRules`, of rules that were acknowledged so long before. */
  async offer(ids: readonly string[]): Promise<void> {
    for (const rule of await this.#rules()) await offerTo(this.#engine, rule, ids);
  }

  /** Rules are others now: a series whose history is brought in next is offered to those. */
  forget(): void {
    this.#known = null;
  }

  #rules(): Promise<readonly KnownRule[]> {
    const atMs = this.#nowMs();
    if (this.#known === null || atMs - this.#known.atMs >= knownRulesMs) {
      this.#known = { atMs, rules: knownRules(this.#engine) };
    }
    return this.#known.rules;
  }
}

async function offerTo(
  engine: OfferingEngine,
  { name, spec, selected }: KnownRule,
  ids: readonly string[],
): Promise<void> {
  const wants = wantsOf(spec);
  for (;;) {
    const look = new Look(spec, selected);
    for (const id of ids) look.at(id);
    const { ids: found, isAll } = look.found;
    if (found.length === 0) return;
    const first = engine.batch();
    for (const id of found) {
      for (const { kind, message } of messagesFor(wants, name)) first.add(kind, id, message);
    }
    await first.send();
    // Only now: what the rule says to its series must be the later word.
    const offer: RuleMessage = { offered: [...found] };
    const second = engine.batch();
    second.add("rule", name, offer);
    await second.send();
    selected.push(...found);
    if (isAll) return;
  }
}
