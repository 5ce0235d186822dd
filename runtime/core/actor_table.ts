/**
 * The actors of a shard that are in memory.
 *
 * 1. An actor is in the table at most once; while it is, the table is the truth and the store may be behind.
 * 2. Evicted are only actors whose last change is in a confirmed checkpoint and that no frame at hand refers to,
 *    the least recently used first (second chance: CLOCK, Corbató 1968, which needs no list to be kept per touch).
 * 3. A state that cannot be made or read damages its own entry and nothing else.
 */

import type { AnyDefinition, Registry } from "./registry.ts";
import type { Address, Json } from "./actor.ts";
import type { SnapshotBatch } from "./checkpoint.ts";
import { ByteReader, type ByteWriter, packedRow } from "./bytes.ts";
import { errorMessage, FormatError } from "./errors.ts";
import { IdTable } from "./id_table.ts";
import { heapRatio } from "./limits.ts";
import { decodeStanding, encodeStanding, noFailures, type Standing } from "./suspension.ts";
import { type Trace, Traces } from "./trace.ts";

const snapshotCodec = 3;

export interface Timer {
  readonly dueMs: number;
  /** JSON text, so that nobody can change it while it waits. */
  readonly message: string;
  /** The version of the kind's messages that it is of. */
  readonly version: number;
}

/** Why an actor takes no messages: they are dead-lettered for this reason, its queries fail with this sentence. */
export interface Damage {
  readonly reason: "state-unreadable" | "state-not-saved";
  readonly detail: string;
}

export interface ActorEntry extends Standing {
  readonly definition: AnyDefinition;
  readonly id: string;
  readonly address: Address;
  /** Meaningless where there is damage. */
  readonly state: unknown;
  /** What is stored of it then stays as it is, its timers included. */
  readonly damage: Damage | null;
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
  /** What notes its messages; null while nobody looks. */
  trace: Trace | null;
}

/** Fixed cost of an entry: its objects and its place in two maps. */
const entryOverheadBytes = 400 * heapRatio;

export function actorKey({ kind, id }: Address): string {
  return `${kind}/${id}`;
}

/**
 * The same text, without what it is a part of: V8 keeps a text alive for each of its parts of 13 characters and more. An
 * id that came in a frame of 4,000 others held 100 KB.
 */
function ownText(part: string): string {
  return ` ${part}`.slice(1);
}

export class ActorTable {
  readonly #registry: Registry;
  readonly #byKind: readonly IdTable<ActorEntry>[];
  readonly #damaged: ReadonlyMap<string, Damage>;
  readonly #traces: Traces;
  #bytes = 0;
  #count = 0;

  /** `damaged`: actors, by `actorKey`, that are so whatever is stored of them. */
  constructor(registry: Registry, damaged: ReadonlyMap<string, Damage> = new Map(), traces = new Traces()) {
    this.#registry = registry;
    this.#traces = traces;
    this.#damaged = damaged;
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

  /** The actor whose id stands in `text` from `start` to `end`; `hash` is that id's. */
  findIn(
    kindIndex: number,
    hash: number,
    text: string,
    start: number,
    end: number,
  ): ActorEntry | undefined {
    return this.#byKind[kindIndex]?.find(hash, text, start, end);
  }

  knows(kind: string): boolean {
    return this.#registry.indexOf(kind) >= 0;
  }

  find(address: Address): ActorEntry | undefined {
    return this.get(this.#registry.indexOf(address.kind), address.id);
  }

  create(kindIndex: number, id: string, used: number): ActorEntry {
    const definition = this.#registry.definitions[kindIndex];
    if (definition === undefined) throw new FormatError(`No kind ${kindIndex} in the registry`);
    const own = ownText(id);
    return this.#insert(kindIndex, definition, own, used, () => definition.state.create(own));
  }

  #insert(
    kindIndex: number,
    definition: AnyDefinition,
    id: string,
    used: number,
    make: () => unknown,
  ): ActorEntry {
    const address = { kind: definition.kind, id };
    let damage = this.#damaged.get(actorKey(address)) ?? null;
    let state: unknown;
    let bytes = entryOverheadBytes;
    try {
      if (damage === null) {
        state = make();
        bytes += definition.state.bytes(state);
      }
    } catch (thrown) {
      const detail = `The state of ${actorKey(address)} cannot be read: ${errorMessage(thrown)}`;
      damage = { reason: "state-unreadable", detail };
    }
    const entry: ActorEntry = {
      definition,
      id,
      address,
      state,
      damage,
      timers: null,
      failedAtMs: noFailures,
      suspension: null,
      used,
      changedIn: 0,
      bytes,
      isNew: true,
      needsCold: false,
      trace: this.#traces.of(address),
    };
    this.#byKind[kindIndex]?.add(entry);
    this.#bytes += entry.bytes;
    this.#count++;
    return entry;
  }

  /** Inserts the snapshots that are not in memory yet; answers what it inserted. */
  insertLoaded(loaded: SnapshotBatch, used: number): ActorEntry[] {
    const coldRow = new Map(loaded.coldOf.map((actor, row) => [actor, row]));
    const inserted: ActorEntry[] = [];
    loaded.kinds.forEach((kind, index) => {
      const kindIndex = this.#registry.indexOf(kind);
      const definition = this.#registry.definitions[kindIndex];
      const id = loaded.ids[index];
      if (definition === undefined || id === undefined || this.get(kindIndex, id) !== undefined) return;
      const row = coldRow.get(index);
      const cold = row === undefined ? null : new ByteReader(packedRow(loaded.cold, row));
      const hot = new ByteReader(packedRow(loaded.hot, index));
      const { version, timers, standing } = decodeSnapshotHead(definition, id, hot);
      const decode = () => definition.state.decode(id, version, hot, cold);
      const entry = this.#insert(kindIndex, definition, id, used, decode);
      if (entry.damage === null) {
        entry.timers = timers;
        entry.failedAtMs = standing.failedAtMs;
        entry.suspension = standing.suspension;
      }
      entry.isNew = false;
      entry.needsCold = version < definition.state.version;
      inserted.push(entry);
    });
    return inserted;
  }

  visit(visit: (entry: ActorEntry) => void): void {
    for (const actors of this.#byKind) {
      actors.sweep(1, (entry) => {
        visit(entry);
        return "keep";
      });
    }
  }

  /** To be called when the actor's state may have grown or shrunk. */
  weigh(entry: ActorEntry): void {
    const parkedUnits = entry.suspension?.parkedUnits ?? 0;
    const bytes = entryOverheadBytes + entry.definition.state.bytes(entry.state) + parkedUnits;
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
    if (entry.damage === null) entry.definition.state.release?.(entry.state);
  }

  /** Drops so many actors, confirmed or not; false while there are more. */
  clear(atMost = Infinity): boolean {
    let left = atMost;
    for (const actors of this.#byKind) {
      actors.sweep(1, (entry) => {
        if (left-- <= 0) return "stop";
        this.#drop(entry);
        return "delete";
      });
    }
    return this.#count === 0;
  }
}

/** Writes the core's part of a hot row; the state's own part follows it. */
export function encodeSnapshotHead(entry: ActorEntry, out: ByteWriter): void {
  out.u8(snapshotCodec);
  out.u16(entry.definition.state.version);
  out.u16(entry.timers?.size ?? 0);
  for (const [name, { dueMs, version, message }] of entry.timers ?? []) {
    out.text(name);
    out.f64(dueMs);
    out.u32(version);
    out.text(message);
  }
  encodeStanding(entry, out);
}

interface SnapshotHead {
  /** Of the state. */
  readonly version: number;
  readonly timers: Map<string, Timer> | null;
  readonly standing: Standing;
}

/** Throws where this program is too old for the row: that is no fault of the actor's. */
function decodeSnapshotHead(definition: AnyDefinition, id: string, reader: ByteReader): SnapshotHead {
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
    timers?.set(reader.text(), { dueMs: reader.f64(), version: reader.u32(), message: reader.text() });
  }
  if (version > definition.state.version) {
    throw new FormatError(
      `The snapshot of ${definition.kind}/${id} has state version ${version}; this program knows up to ` +
        `${definition.state.version}: start the newer program`,
    );
  }
  return { version, timers, standing: decodeStanding(reader) };
}

/** When the actor's next timer is due, or null. */
export function nextDueMs(entry: ActorEntry): number | null {
  if (entry.timers === null || entry.timers.size === 0) return null;
  let next = Infinity;
  for (const { dueMs } of entry.timers.values()) next = Math.min(next, dueMs);
  return next;
}

/** The message as it would come out of the log: no two actors share an object, and NaN is null to every shard. */
export function copyMessage(message: Json): Json {
  return typeof message === "string" || typeof message === "boolean"
    ? message
    : JSON.parse(JSON.stringify(message));
}
