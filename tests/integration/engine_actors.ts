/** Actors for the engine's tests: a counter that adds, forwards and throws as its message says. */

import { z } from "zod";
import { type AnyDefinition, defineActor } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import type { ActorCounters } from "../../runtime/node/actor_module.ts";

const Message = z.union([
  z.strictObject({ add: z.number() }),
  /** Adds here, and sends the same to another counter. */
  z.strictObject({ add: z.number(), alsoTo: z.string() }),
  z.strictObject({ throws: z.string() }),
  /** Kills its host, every time; for as long as there is the folder `while`, since no thread ends before it returns. */
  z.strictObject({ kills: z.enum(["loops", "exits", "exhausts"]), while: z.string() }),
  /** Keeps its host for so long. */
  z.strictObject({ add: z.number(), lastsMs: z.number() }),
  /** Throws at this count. */
  z.strictObject({ add: z.number(), unlessCount: z.number() }),
]);
type Message = z.infer<typeof Message>;

const State = z.object({ total: z.number(), count: z.number() });
type State = z.infer<typeof State>;

const added = { help: "Additions folded by the test's counters, refolds included.", value: 0 };

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Does not come back, ends the thread, or needs more heap than there is. */
function kill(how: "loops" | "exits" | "exhausts", folder: string): void {
  if (how === "exits") Deno.exit(9);
  const held: number[][] = [];
  while (exists(folder)) {
    // Numbers, in which the garbage collector has nothing to look for.
    if (how === "exhausts") held.push(new Array<number>(500_000).fill(0.5));
  }
}

function last(durationMs: number): void {
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs);
}

const counter = defineActor({
  kind: "counter",
  state: jsonState<State>({ schema: State, initial: () => ({ total: 0, count: 0 }) }),
  message: {
    version: 1,
    schema: Message,
    accepts: (value): value is Message => Message.safeParse(value).success,
  },
  receive(state, message, context) {
    if ("kills" in message) return kill(message.kills, message.while);
    if ("throws" in message) throw new Error(message.throws);
    if ("unlessCount" in message && state.count === message.unlessCount) throw new Error("not at this count");
    if ("lastsMs" in message) last(message.lastsMs);
    state.total += message.add;
    state.count += 1;
    added.value += 1;
    if ("alsoTo" in message) context.send({ kind: "counter", id: message.alsoTo }, { add: message.add });
  },
  published: { query: "state" },
  queries: {
    state: { arguments: z.unknown(), answer: (state: State) => state },
    /** Ends the host's thread: what a crash in native code, or an exhausted heap, would do. */
    exits: {
      arguments: z.object({ once: z.string() }),
      answer: (_state, { once }: { once: string }) => {
        // The marker file makes the repeated ask harmless.
        try {
          Deno.writeTextFileSync(once, "", { createNew: true });
        } catch {
          return "exited before";
        }
        Deno.exit(9);
      },
    },
    /** Does not come back while its marker is there: what an endless loop in an actor would do. */
    hangs: {
      arguments: z.object({ once: z.string() }),
      answer: (_state, { once }: { once: string }) => {
        try {
          Deno.writeTextFileSync(once, "", { createNew: true });
        } catch {
          return "hung before";
        }
        while (exists(once));
        return "came back";
      },
    },
  },
});

export function definitions(): AnyDefinition[] {
  return [counter];
}

export function counters(): ActorCounters {
  return { test_additions: added };
}
