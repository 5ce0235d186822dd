/** What `up` has started on a data folder, as its state file remembers it. */

import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../../actors/cli/refusal.ts";

export const kinds = ["kafka", "mariadb", "redis"] as const;
export type Kind = (typeof kinds)[number];

/** Of each server: the name of its folder. The brokers of one cluster are numbered from the second on. */
export const places = ["kafka", "kafka-2", "kafka-3", "mariadb", "redis"] as const;
export type Place = (typeof places)[number];

/** The first is there always. */
export const brokerPlaces = ["kafka", "kafka-2", "kafka-3"] as const;

export function kindOf(place: Place): Kind {
  return kinds.find((kind) => place.startsWith(kind))!;
}

/** As people call them. */
export const serverNames: Readonly<Record<Place, string>> = {
  kafka: "Kafka",
  "kafka-2": "Kafka 2",
  "kafka-3": "Kafka 3",
  mariadb: "MariaDB",
  redis: "Redis",
};

const entry = z.object({
  pid: z.int().positive(),
  startTicks: z.int().nonnegative(),
  /** ISO 8601. */
  startedAt: z.string(),
  port: z.int().positive(),
  /** Of Kafka's controller. */
  controllerPort: z.int().positive().optional(),
});
const schema = z.partialRecord(z.enum(places), entry);

export type Entry = z.infer<typeof entry>;
export type State = Readonly<z.infer<typeof schema>>;

/** Throws a `Refusal` when the text is not one that `stateText` has made. */
export function parseState(text: string, file: string): State {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Refusal(
      `Cannot read ${file}: it is not a state file of \`deno task services\`. Remove it, after stopping the servers ` +
        "that it may tell of, or name another folder with --data DIR.",
      { cause },
    );
  }
}

export function stateText(state: State): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

function stateFile(folder: string): string {
  return join(folder, "services.json");
}

/** Null: nothing was ever started there. */
export function readState(folder: string): State | null {
  const file = stateFile(folder);
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
  return parseState(text, file);
}

export function writeState(folder: string, state: State): void {
  // A process that dies meanwhile leaves the old one or the new one.
  const partial = `${stateFile(folder)}.part`;
  Deno.writeTextFileSync(partial, stateText(state));
  Deno.renameSync(partial, stateFile(folder));
}

export function removeState(folder: string): void {
  Deno.removeSync(stateFile(folder));
}
