/** An actor that only listens: it keeps what it is sent, so that a test can look at what others send. */

import { z } from "zod";
import type { Json } from "../core/actor.ts";
import { defineActor } from "../core/registry.ts";
import { jsonState } from "../core/state.ts";

/** What a probe was sent. */
export interface Received {
  readonly message: Json;
  /** Null when it came from outside. */
  readonly sender: { readonly kind: string; readonly id: string } | null;
  /** Log time. */
  readonly atMs: number;
}

const Json: z.ZodType<Json> = z.json();

const State = z.object({
  received: z.array(z.object({
    message: Json,
    sender: z.object({ kind: z.string(), id: z.string() }).nullable(),
    atMs: z.number(),
  })),
});
type State = { received: Received[] };

const received = { arguments: z.unknown(), answer: ({ received }: State) => received };

/**
 * The definition of actors of `kind` that accept every message and keep it. `TestNode.received` reads them.
 *
 * In a test it stands in for a kind that the actors under test send to.
 */
export function probe<const K extends string>(kind: K) {
  return defineActor({
    kind,
    state: jsonState<State>({ schema: State, initial: () => ({ received: [] }) }),
    message: { version: 1, schema: Json, accepts: (_value): _value is Json => true },
    receive({ received }, message, { sender, nowMs }) {
      received.push({ message, sender, atMs: nowMs });
    },
    queries: { state: received, received },
  });
}
