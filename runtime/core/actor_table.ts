/**
 * The actors of a shard that are in memory.
 *
 * 1. An actor is in the table at most once; while it is, the table is the truth and the store may be behind.
 * 2. Evicted are only actors whose last change is in a confirmed checkpoint and that no frame at hand refers to,
 *    the least recently used first (second chance: CLOCK, Corbató 1968, which needs no list to be kept per touch).
 */

import type { AnyDefinition, Registry } from "./registry.ts";
import type { Address, Json } from "./actor.ts";
import type { Loaded } from "./checkpoint.ts";
import { ByteReader, type ByteWriter, packedRow } from "./bytes.ts";
import { FormatError } from "./errors.ts";
import { IdTable } from "./id_table.ts";

const snapshotCodec = 1;

export interface Timer {
  readonly dueMs: number;
  /** JSON text, so that nobody can change it while it waits. */
  readonly message: string;
}

export interface ActorEntry {
  readonly definition: AnyDefinition;
  readonly id: string;
  readonly address: Address;
  state: unknown;
  timers: Map<string, Timer> | null;
  /** Number of the newest frame that refers to this actor. */
  used: number;
  /** Number of the commit that contains its last change, or will. */
  changedIn: number;
  bytes: number;
  /** It has had no turn yet and has no snapshot: to a query it does not exist. */
  isNew: boolean;
  /** Its cold row was written by an older version of the state. */
  needsCold: boolean;
}

/** Fixed cost of an entry: its objects and its place in two maps. */
const entryOverheadBytes = 400;

export class ActorTable {
  readonly #registry: Registry;
  readonly #byKind: readonly IdTable<ActorEntry>[];
  #bytes = 0;
  #count = 0;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#byKind = registry.definitions.map(() => new IdTable());
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** `kindIndex`: the kind's place in the registry. */
  get(kindIndex: number, id: string): ActorEntry | undefined {
    return this.#byKind[kindIndex]?.get(id);
  }

  find(address: Address): ActorEntry | undefined {
    return this.get(this.#registry.indexOf(address.kind), address.id);
  }

  create(kindIndex: number, id: string, used: number): ActorEntry {
    const definition = this.#registry.definitions[kindIndex];
    if (definition === undefined) throw new FormatError(`No kind ${kindIndex} in the registry`);
    return this.#insert(kindIndex, definition, id, definition.state.create(id), used);
  }

  #insert(
    kindIndex: number,
    definition: AnyDefinition,
    id: string,
    state: unknown,
    used: number,
  ): ActorEntry {
    const entry: ActorEntry = {
      definition,
      id,
      address: { kind: definition.kind, id },
      state,
      timers: null,
      used,
      changedIn: 0,
      bytes: entryOverheadBytes + definition.state.bytes(state),
      isNew: true,
      needsCold: false,
    };
    this.#byKind[kindIndex]?.add(entry);
    this.#bytes += entry.bytes;
    this.#count++;
    return entry;
  }

  /** Inserts the snapshots that are not in memory yet; answers what it inserted. */
  insertLoaded(loaded: Loaded, used: number): ActorEntry[] {
    const coldRow = new Map(loaded.coldOf.map((actor, row) => [actor, row]));
    const inserted: ActorEntry[] = [];
    loaded.kinds.forEach((kind, index) => {
      const kindIndex = this.#registry.indexOf(kind);
      const definition = this.#registry.definitions[kindIndex];
      const id = loaded.ids[index];
      if (definition === undefined || id === undefined || this.get(kindIndex, id) !== undefined) return;
      const row = coldRow.get(index);
      const cold = row === undefined ? null : new ByteReader(packedRow(loaded.cold, row));
      const snapshot = decodeSnapshot(definition, id, packedRow(loaded.hot, index), cold);
      const entry = this.#insert(kindIndex, definition, id, snapshot.state, used);
      entry.timers = snapshot.timers;
      entry.isNew = false;
      entry.needsCold = snapshot.version < definition.state.version;
      inserted.push(entry);
    });
    return inserted;
  }

  /** To be called when the actor's state may have grown or shrunk. */
  weigh(entry: ActorEntry): void {
    const bytes = entryOverheadBytes + entry.definition.state.bytes(entry.state);
    this.#bytes += bytes - entry.bytes;
    entry.bytes = bytes;
  }

  /**
   * Evicts until at most `budgetBytes` are in use, or nothing more may go. Answers how many went. An actor stays
   * when its last change is in a commit after `confirmed`, or a frame numbered `inUse` or higher refers to it.
   */
  evict(budgetBytes: number, confirmed: number, inUse: number): number {
    let evicted = 0;
    const visit = (entry: ActorEntry) => {
      if (this.#bytes <= budgetBytes) return "stop";
      if (entry.changedIn > confirmed || entry.used >= inUse) return "keep";
      if (entry.used > 0) {
        entry.used = 0;
        return "keep";
      }
      this.#drop(entry);
      evicted++;
      return "delete";
    };
    // The second round finds those whose second chance the first one took.
    for (const actors of this.#byKind) actors.sweep(2, visit);
    return evicted;
  }

  #drop(entry: ActorEntry): void {
    this.#bytes -= entry.bytes;
    this.#count--;
    entry.definition.state.release?.(entry.state);
  }

  /** Drops everything, confirmed or not. */
  clear(): void {
    for (const actors of this.#byKind) {
      actors.sweep(1, (entry) => {
        this.#drop(entry);
        return "delete";
      });
    }
  }
}

/** Writes the core's part of a hot row; the state's own part follows it. */
export function encodeSnapshotHead(entry: ActorEntry, out: ByteWriter): void {
  out.u8(snapshotCodec);
  out.u16(entry.definition.state.version);
  out.u16(entry.timers?.size ?? 0);
  for (const [name, { dueMs, message }] of entry.timers ?? []) {
    out.text(name);
    out.f64(dueMs);
    out.text(message);
  }
}

interface Snapshot {
  readonly version: number;
  readonly state: unknown;
  readonly timers: Map<string, Timer> | null;
}

function decodeSnapshot(
  definition: AnyDefinition,
  id: string,
  hot: Uint8Array,
  cold: ByteReader | null,
): Snapshot {
  const reader = new ByteReader(hot);
  const codec = reader.u8();
  if (codec !== snapshotCodec) {
    throw new FormatError(
      `The snapshot of ${definition.kind}/${id} has codec ${codec}; this program reads ${snapshotCodec}`,
    );
  }
  const version = reader.u16();
  const timerCount = reader.u16();
  const timers = timerCount === 0 ? null : new Map<string, Timer>();
  for (let timer = 0; timer < timerCount; timer++) {
    timers?.set(reader.text(), { dueMs: reader.f64(), message: reader.text() });
  }
  if (version > definition.state.version) {
    throw new FormatError(
      `The snapshot of ${definition.kind}/${id} has state version ${version}; this program knows up to ` +
        `${definition.state.version}: start the newer program`,
    );
  }
  return { version, state: definition.state.decode(id, version, reader, cold), timers };
}

/** When the actor's next timer is due, or null. */
export function nextDueMs(entry: ActorEntry): number | null {
  if (entry.timers === null || entry.timers.size === 0) return null;
  let next = Infinity;
  for (const { dueMs } of entry.timers.values()) next = Math.min(next, dueMs);
  return next;
}

/** A copy of a message by value, so that no two actors share an object. */
export function copyMessage(message: Json): Json {
  return typeof message === "object" && message !== null ? JSON.parse(JSON.stringify(message)) : message;
}
