/**
 * What an actor is: a fold over its shard's log.
 *
 * 1. `receive` is synchronous and deterministic: same state, message and context, same result. It reads no
 *    clock, no randomness, no module state, and performs no I/O; what it needs of these the context gives.
 * 2. It may mutate `state`; nobody else does.
 * 3. What it asks of the context leaves only after the checkpoint that contains the turn.
 * 4. A query reads and never changes the state.
 */

import type { z } from "zod";
import type { StateType } from "./state.ts";

/** `kind/id`. The id is 1 to 1,024 bytes of UTF-8; see `checkId`. */
export interface Address {
  readonly kind: string;
  readonly id: string;
}

/** What a message may be: JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Why a request has no answer: its time was over; the service says so; too many requests wait; there is no such
 * service.
 */
export type ServiceFailure = "timeout" | "failed" | "overloaded" | "unknown-service";

export type ServiceOutcome =
  | { readonly type: "answered"; readonly value: Json }
  /** `detail`: a sentence. */
  | { readonly type: "failed"; readonly code: ServiceFailure; readonly detail: string };

/** What has become of a request. */
export type ServiceAnswer =
  & {
    /** The number that `Context.request` gave it. */
    readonly request: number;
    readonly service: string;
  }
  & ServiceOutcome;

/** What a turn may know and ask for. */
export interface Context {
  readonly self: Address;
  /** Who sent the message; null when it came from outside or from a timer. */
  readonly sender: Address | null;
  /** Log time in epoch milliseconds: the shard's clock, never the machine's. */
  readonly nowMs: number;
  /** Stable identity of this turn, the same in every replay. */
  readonly turnId: string;
  /** A number in [0, 1), drawn from the turn's identity: the same in every replay. */
  random(): number;
  /** Sends to an actor, of this shard or another. Throws when its kind is unknown or refuses the message, or the id. */
  send(to: Address, message: Json): void;
  /** Sends to the sender. Throws when there is none. */
  reply(message: Json): void;
  /**
   * Delivers `message` to this actor at log time `dueMs`, at least 1 ms from now. A timer of the same name is
   * replaced. Throws when this kind refuses the message.
   */
  setTimer(name: string, dueMs: number, message: Json): void;
  cancelTimer(name: string): void;
  /**
   * Asks a service, which does what an actor must not: I/O. Answers the request's number; the kind's `answered` takes
   * the outcome, once. The service is asked after the checkpoint that contains this turn, at least once. Throws when
   * the kind has no `answered`, or the service's name, the body or the deadline is not as it must be; not when there
   * is no such service, or too much waits: these are outcomes.
   */
  request(service: string, body: Json, options?: RequestOptions): number;
  /** Puts the current message among the dead letters. `reason` is a short label, `detail` a sentence. */
  deadLetter(reason: string, detail: string): void;
}

export interface RequestOptions {
  /** Log time from now until the request has timed out; 30 s unless told otherwise, a day at most. */
  readonly deadlineMs?: number;
}

/** How messages of a kind look on the wire, and how older ones become current. */
export interface MessageType<M extends Json = Json> {
  /** From 1. */
  readonly version: number;
  readonly schema: z.ZodType<M>;
  /** The same verdict as `schema`, as cheap as possible: it runs once per message at the edge. */
  accepts(value: unknown): value is M;
  /** Turns a message of an older version into one that `schema` accepts; throws if it cannot. */
  migrate?(version: number, value: Json): Json;
}

/** What a query is told besides the state. */
export interface QueryContext {
  readonly id: string;
  /** Log time in epoch milliseconds, moved on by the time since the last stamp was seen. */
  readonly nowMs: number;
}

export interface Query<S> {
  /** Parses the arguments, which arrive as strings of a URL or as JSON. */
  readonly arguments: z.ZodType;
  /** The answer, JSON-serialisable. `args` is what `arguments` returned. */
  answer(state: S, args: never, context: QueryContext): unknown;
}

/** A kind of actor. Made with `defineActor`, collected in a `Registry`. */
export interface ActorDefinition<S = unknown, M extends Json = Json> {
  /** Lower-case letters, digits and `-`; part of every address and every stored key. */
  readonly kind: string;
  readonly state: StateType<S>;
  readonly message: MessageType<M>;
  receive(state: S, message: M, context: Context): void;
  /**
   * Takes what has become of a request: a turn like any other. `context.sender` is null. Only kinds that have it make
   * requests.
   */
  answered?(state: S, answer: ServiceAnswer, context: Context): void;
  /** By name; `state` is the one that `GET /actors/{kind}/{id}` answers with. */
  readonly queries: Readonly<Record<string, Query<S>>>;
  /** What is told of a changed actor where the node has a hot state that others read; see `publishing.ts`. */
  readonly published?: Publication;
}

export interface Publication {
  /** A query that needs no arguments. */
  readonly query: string;
  /** Single values of its answer, for programs that show no JSON. */
  fields?(answer: never): Readonly<Record<string, string | number>>;
}
