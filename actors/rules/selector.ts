/**
 * The service `selector`: looks through all series for those that a rule has not selected yet.
 *
 * 1. It asks the rule what it has, so that a request and its answer carry new ids alone.
 * 2. It looks a page at a time: between two, the thread does other things.
 * 3. It sees what is in the store: a series that is new for less than a checkpoint is found by the next look.
 */

import type { Address } from "../../runtime/core/actor.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import { type Service, serviceOf } from "../../runtime/node/service.ts";
import { listedAtOnce, looksAtOnce, maxWaitingLooks } from "./limits.ts";
import { askRule, Look } from "./look.ts";
import type { Selected } from "./selected.ts";

/** What of the engine it uses. */
export interface SelectorEngine {
  readonly store: Pick<Engine["store"], "list">;
  readonly ask: Engine["ask"];
}

async function lookFor(
  engine: SelectorEngine,
  { id: name }: Address,
  signal: AbortSignal,
): Promise<Selected> {
  const { spec, series } = await askRule(engine, name, "local");
  if (spec === null) throw new Error(`The rule ${name} was removed`);
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
