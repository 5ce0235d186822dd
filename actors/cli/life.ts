/**
 * One life of a node's process: what its launcher gives it, in a variable that is no setting.
 *
 * 1. A life has a name that no other ever has, also of other machines.
 */

import { join } from "node:path";
import { z } from "zod";
import type { Settings } from "../settings.ts";

const lifeVariable = "SENSORIUM_LIFE";

const lifeSchema = z.object({
  name: z.string(),
  /** Of the node, among those of its launcher. */
  index: z.number(),
  nodes: z.number(),
  /** Neither is 0 where there are several nodes. */
  port: z.number(),
  adminPort: z.number(),
  /** Names of lives that may still belong to the nodes' agreement. */
  dead: z.array(z.string()),
  /** Whether another node of the launcher takes readings. */
  isRelieved: z.boolean(),
});

export type Life = Readonly<z.infer<typeof lifeSchema>>;

export function nodeId(index: number): string {
  return `node-${index}`;
}

/** @param unique a UUID */
export function lifeName(hostname: string, id: string, unique: string): string {
  return `${hostname}/${id}/${unique.slice(0, 8)}`;
}

/** Where a node of a launcher writes what would be in its others' way in `folder`. */
export function folderOf({ index, nodes }: Life, folder: string): string {
  return nodes === 1 ? folder : join(folder, nodeId(index));
}

export function writeLife(life: Life): Readonly<Record<string, string>> {
  return { [lifeVariable]: JSON.stringify(life) };
}

/** As the launcher gave it to this process, and to none that this one starts; null: nobody has launched it. */
export function takeLife(): Life | null {
  const text = Deno.env.get(lifeVariable);
  Deno.env.delete(lifeVariable);
  return text === undefined ? null : lifeSchema.parse(JSON.parse(text));
}

/** Of a process that nobody has launched. */
export function ownLife({ port, adminPort }: Settings): Life {
  const name = lifeName(Deno.hostname(), nodeId(0), crypto.randomUUID());
  return { name, index: 0, nodes: 1, port, adminPort, dead: [], isRelieved: false };
}
