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
import { askDeadlineMs } from "./limits.ts";
import { askRule, Look } from "./look.ts";
import type { RuleMessage } from "./rule.ts";
import { messagesFor, wantsOf } from "./rule_spec.ts";

/** What of the engine it uses. */
export interface OfferingEngine extends Pick<Engine, "ask" | "batch" | "flush"> {
  readonly store: Pick<Engine["store"], "list">;
}

/** @param ids in the order in which rules are to select them, each once */
export async function offerToRules(engine: OfferingEngine, ids: readonly string[]): Promise<void> {
  await engine.flush(askDeadlineMs);
  for (const name of await namesOf(engine.store, "rule")) await offerTo(engine, name, ids);
}

async function offerTo(engine: OfferingEngine, name: string, ids: readonly string[]): Promise<void> {
  const { spec, series } = await askRule(engine, name, "strict");
  if (spec === null) return;
  const wants = wantsOf(spec);
  for (let known = series;;) {
    const look = new Look(spec, known);
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
    if (isAll) return;
    known = [...known, ...found];
  }
}
