/** The kinds of actors that a program knows, in a fixed order. */

import type { ActorDefinition, Json } from "./actor.ts";
import type { WireType } from "./frame.ts";
import { invariant } from "./errors.ts";
import { maxIdBytes } from "./limits.ts";
import type { ReadRecord } from "./records.ts";

// deno-lint-ignore no-explicit-any -- a registry holds definitions of many states; each is used with its own
export type AnyDefinition = ActorDefinition<any, any>;

export class Registry {
  readonly definitions: readonly AnyDefinition[];
  /** Goes into every frame's header; a definition's place here is its entries' type. */
  readonly wireTypes: readonly WireType[];
  /** Reads the records of foreign topics; null in a program that folds none. */
  readonly readRecord: ReadRecord | null;
  readonly #indexByKind: ReadonlyMap<string, number>;

  constructor(definitions: readonly AnyDefinition[], readRecord: ReadRecord | null = null) {
    for (const { kind, message: { version } } of definitions) {
      invariant(/^[a-z][a-z0-9-]{0,31}$/.test(kind), `A kind is 1 to 32 of a-z, 0-9, "-", unlike "${kind}"`);
      // 0 is the runtime's own: `control.ts`.
      invariant(Number.isInteger(version) && version >= 1, `Message versions begin with 1, unlike ${kind}'s`);
    }
    this.definitions = definitions;
    this.readRecord = readRecord;
    this.wireTypes = definitions.map((definition) => [definition.kind, definition.message.version] as const);
    this.#indexByKind = new Map(definitions.map((definition, index) => [definition.kind, index]));
    invariant(this.#indexByKind.size === definitions.length, "Every kind is registered once");
  }

  /** The place of `kind` among the definitions, or -1. */
  indexOf(kind: string): number {
    return this.#indexByKind.get(kind) ?? -1;
  }

  find(kind: string): AnyDefinition | null {
    return this.definitions[this.indexOf(kind)] ?? null;
  }
}

/** Identity that infers the type parameters of a definition, and keeps the names and types of its queries. */
export function defineActor<
  S,
  M extends Json,
  const K extends string = string,
  Q extends ActorDefinition<S, M>["queries"] = ActorDefinition<S, M>["queries"],
>(
  definition: ActorDefinition<S, M> & { readonly kind: K; readonly queries: Q },
): ActorDefinition<S, M> & { readonly kind: K; readonly queries: Q } {
  return definition;
}

const encoder = new TextEncoder();

// Control characters would break log lines and terminals, and no store compares NUL alike.
// deno-lint-ignore no-control-regex -- that is what it is about
const withoutControl = /^[^\u0000-\u001f\u007f]*$/;

/** What JSON Schema can say of an id. A regular expression cannot count bytes: those are left to `idProblem`. */
export const idShape = { minLength: 1, maxLength: maxIdBytes, pattern: withoutControl.source };

/** Why `id` cannot be an actor's id, as a sentence; null when it can. */
export function idProblem(id: string): string | null {
  if (id.length === 0) return "An id must not be empty";
  // Three UTF-8 bytes per UTF-16 unit at most: short ids need no encoding to know.
  if (id.length * 3 > maxIdBytes && encoder.encode(id).length > maxIdBytes) {
    return `An id has at most ${maxIdBytes} bytes of UTF-8; this one has ${encoder.encode(id).length}`;
  }
  if (!id.isWellFormed()) return "An id must be well-formed Unicode; this one has a lone surrogate";
  if (!withoutControl.test(id)) return "An id must not contain control characters";
  return null;
}
