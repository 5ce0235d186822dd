/** What a test asks of a node, checked: what is wrong is said in one sentence. */

import type { z } from "zod";
import type { Address, Json } from "../core/actor.ts";
import { actorKey } from "../core/actor_table.ts";
import { type AnyDefinition, idProblem, type Registry } from "../core/registry.ts";
import { type Piece, ShardedBatch } from "../node/batch.ts";
import type { MemoryNode } from "./memory_node.ts";

/** The definition of the target's kind. Throws when there is none, or the id is none; `doing` begins the sentence. */
export function definitionOf(registry: Registry, doing: string, { kind, id }: Address): AnyDefinition {
  const definition = registry.find(kind);
  if (definition === null) {
    const known = registry.definitions.map(({ kind }) => kind).join(", ");
    throw new Error(
      `Cannot ${doing} ${kind}/${id}: there is no kind "${kind}" among those defined: ${known}`,
    );
  }
  const problem = idProblem(id);
  if (problem !== null) throw new Error(`Cannot ${doing} a ${kind}: ${problem}`);
  return definition;
}

/** Of a union, what is wrong with each of its forms. */
function problemText(issue: z.core.$ZodIssue): string {
  const { path, message } = issue;
  const where = path.length === 0 ? "" : `${path.join(".")}: `;
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return where + message;
  return where + issue.errors.map((form) => form.map(problemText).join(" and ")).join(", or ");
}

/** Throws unless the message is one for that actor. */
export function checkMessage(registry: Registry, to: Address, message: Json): void {
  const { message: type } = definitionOf(registry, "send to", to);
  const { success, error } = type.schema.safeParse(message);
  const isAccepted = type.accepts(message);
  if (isAccepted !== success) {
    throw new Error(
      `The message type of ${to.kind} contradicts itself on ${JSON.stringify(message)}: accepts() says ` +
        `${isAccepted}, the schema says ${success}; both must give the same verdict`,
    );
  }
  if (error === undefined) return;
  const problems = error.issues.map(problemText);
  throw new Error(
    `Cannot send to ${actorKey(to)}: its schema refuses ${JSON.stringify(message)}: ${problems.join("; ")}`,
  );
}

/** A message on its way to an actor. */
export interface Delivery {
  readonly to: Address;
  readonly message: Json;
}

/** Messages as a gateway appends them together, under an idempotency key or without one. */
export function piecesOf(
  { registry, shardCount }: MemoryNode,
  deliveries: readonly Delivery[],
  key: string | null,
): readonly Piece[] {
  let sent: readonly Piece[] = [];
  const batch = new ShardedBatch(registry, shardCount, key, (pieces) => {
    sent = pieces;
    return Promise.resolve();
  });
  for (const { to, message } of deliveries) batch.add(to.kind, to.id, message);
  void batch.send();
  return sent;
}
