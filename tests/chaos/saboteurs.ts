/**
 * The product's actors, whose sensors can be told to kill the thread that folds them.
 *
 *     POST /readings {"id": "42", "values": {"sabotage_loops": 1}}                kills at every fold
 *     GET /actors/sensor/42?query=sabotage_loops&once=/tmp/file-that-is-not-there  kills once
 *
 * They are the sensors themselves, and no kind of their own, so that what is broken comes in by the same doors as what
 * is verified. A query is asked again after its host's death, by the router: the file says that it was asked before.
 */

import { z } from "zod";
import { definitions as productDefinitions } from "../../actors/definitions.ts";
import type { SensorMessage } from "../../actors/sensors/sensor.ts";
import type { Context, Query } from "../../runtime/core/actor.ts";
import type { AnyDefinition } from "../../runtime/core/registry.ts";

export { counters, readers } from "../../actors/definitions.ts";

const sabotages = ["sabotage_loops", "sabotage_exhausts", "sabotage_exits"] as const;
export type Sabotage = typeof sabotages[number];

/** Four megabytes at a time, of numbers, in which the garbage collector has nothing to look for. */
const pieceNumbers = 500_000;

/** Never comes back. */
function sabotage(how: Sabotage): never {
  if (how === "sabotage_exits") Deno.exit(9);
  const kept: number[][] = [];
  for (;;) if (how === "sabotage_exhausts") kept.push(new Array<number>(pieceNumbers).fill(0.5));
}

function isSabotage(channels: string): channels is Sabotage {
  return sabotages.some((each) => each === channels);
}

/** True for the first who asks. */
function isFirst(path: string): boolean {
  try {
    Deno.writeTextFileSync(path, "", { createNew: true });
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.AlreadyExists) return false;
    throw thrown;
  }
}

function killOnce(how: Sabotage): Query<unknown> {
  return {
    arguments: z.strictObject({ once: z.string() }),
    answer: (_state, { once }: { once: string }) => isFirst(once) ? sabotage(how) : "killed before",
  };
}

function sabotaged(sensor: AnyDefinition): AnyDefinition {
  return {
    ...sensor,
    receive(state: unknown, message: SensorMessage, context: Context) {
      if (message[3] !== undefined && isSabotage(message[3])) sabotage(message[3]);
      sensor.receive(state, message, context);
    },
    queries: {
      ...sensor.queries,
      ...Object.fromEntries(sabotages.map((how) => [how, killOnce(how)])),
    },
  };
}

export function definitions(): AnyDefinition[] {
  return productDefinitions().map((definition) =>
    definition.kind === "sensor" ? sabotaged(definition) : definition
  );
}
