/**
 * How an actor's state lives in memory and in its snapshot.
 *
 * A snapshot is a *hot* row, rewritten at every checkpoint in which the actor changed, and optionally a *cold*
 * row (a ring of closed panes, say), rewritten only when the state says that it is due. The pair decodes to the
 * state at the checkpoint: decode(encodeCold at some checkpoint, encode at this one) = state.
 *
 * `encode` is called once per checkpoint for each changed actor, after `cold.encode` where that was due. A state
 * may forget what it just handed over (changed panes, pending history): if the commit fails, the shard drops its
 * memory and reads the rows that were confirmed.
 *
 * A state that cannot be made, read or saved (its code throws) costs its actor the messages, never its shard: see
 * `ActorEntry.damage`.
 */

import type { z } from "zod";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { FormatError } from "./errors.ts";

/** Where a state leaves history rows while it is being encoded. A row is copied before the call returns. */
export interface HistorySink {
  /** The whole truth about [startMs, startMs + span): replaces what was put there before. */
  put(stepMs: number, startMs: number, row: Uint8Array): void;
  /** An increment to be merged, by whoever reads, with what is stored for startMs. */
  add(stepMs: number, startMs: number, row: Uint8Array): void;
}

export interface StateType<S> {
  /** Version of the encoding; `decode` reads this one and every older one. */
  readonly version: number;
  create(id: string): S;
  encode(state: S, hot: ByteWriter, history: HistorySink): void;
  /** Throws a `FormatError` on bytes that are not a state of `version`, which is never above the present one. */
  decode(id: string, version: number, hot: ByteReader, cold: ByteReader | null): S;
  readonly cold?: {
    isDue(state: S, nowMs: number): boolean;
    encode(state: S, cold: ByteWriter, history: HistorySink, nowMs: number): void;
  };
  /** Memory that eviction would free, in bytes; an estimate. Objects of the heap count `heapRatio` times. */
  bytes(state: S): number;
  /** Gives back what lives outside the heap. Called once, at eviction or when a shard drops its memory. */
  release?(state: S): void;
}

/** Step i turns a state of version i + 1 into one of version i + 2. */
export type Migration = (state: unknown) => unknown;

export interface JsonStateOptions<S> {
  readonly schema: z.ZodType<S>;
  initial(id: string): S;
  /** The state's version is `migrations.length + 1`. */
  readonly migrations?: readonly Migration[];
}

/** JSON would make null of NaN and infinities, and nobody would know why the state cannot be read. */
function finiteOnly(key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new FormatError(`"${key}" is ${value}, which JSON cannot hold`);
}

/** A state that is plain JSON, validated by a zod schema when it is loaded. */
export function jsonState<S>(options: JsonStateOptions<S>): StateType<S> {
  const migrations = options.migrations ?? [];
  const version = migrations.length + 1;
  return {
    version,
    create: (id) => options.initial(id),
    encode: (state, hot) => hot.text(JSON.stringify(state, finiteOnly)),
    decode: (id, storedVersion, hot) => {
      const text = hot.text();
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        throw new FormatError(`The state of ${id} is not JSON`);
      }
      for (const migrate of migrations.slice(storedVersion - 1)) value = migrate(value);
      const parsed = options.schema.safeParse(value);
      if (!parsed.success) {
        throw new FormatError(`The state of ${id} does not fit its schema: ${parsed.error.message}`);
      }
      return parsed.data;
    },
    // A guess that errs on the high side: eviction wants an order of magnitude, and measuring would cost a walk.
    bytes: () => 512,
  };
}
