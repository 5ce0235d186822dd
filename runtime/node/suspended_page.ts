/** The suspended actors of all nodes, a page at a time, by kind and id. */

import type { Suspended, SuspendedPage } from "./engine.ts";
import type { Peers } from "./peers.ts";

export interface PageAsked {
  /** Only those behind this one; empty for the first page. */
  readonly after: string;
  readonly limit: number;
  readonly deadlineMs: number;
}

const nameOf = ({ kind, id }: Suspended) => `${kind}/${id}`;

/** The first of `all`, which are sorted. */
export function suspendedAfter(
  all: readonly Suspended[],
  { after, limit }: Pick<PageAsked, "after" | "limit">,
): readonly Suspended[] {
  return all.filter((each) => nameOf(each) > after).slice(0, limit);
}

/** @param own this node's, sorted. */
export async function suspendedPage(
  own: readonly Suspended[],
  peers: Pick<Peers, "suspended"> | null,
  { after, limit, deadlineMs }: PageAsked,
): Promise<SuspendedPage> {
  // One more than the page takes tells that there is another page.
  const asked = { after, limit: limit + 1 };
  const others = await peers?.suspended(asked.after, asked.limit, deadlineMs) ?? { items: [], missing: [] };
  const all = [...suspendedAfter(own, asked), ...others.items];
  // A shard that moves meanwhile may be listed by both of its nodes.
  const byName = new Map(all.map((each) => [nameOf(each), each]));
  const sorted = [...byName].sort(([one], [other]) => one < other ? -1 : 1);
  const page = sorted.slice(0, limit);
  return {
    items: page.map(([, each]) => each),
    next: sorted.length > limit ? page.at(-1)?.[0] ?? null : null,
    missing: others.missing,
  };
}
