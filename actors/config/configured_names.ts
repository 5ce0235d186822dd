/** Names of everything of a kind that was ever configured, as the store has them. */

import type { Engine } from "../../runtime/node/engine.ts";

const namesPage = 500;

export async function namesOf(
  store: Pick<Engine["store"], "list">,
  kind: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof store.list>> = await store.list(kind, after, namesPage);
    names.push(...page.ids);
    after = page.next;
  } while (after !== null);
  return names;
}
