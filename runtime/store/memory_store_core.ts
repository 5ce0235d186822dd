/**
 * The semantics of port `Store` in memory, synchronous, for the simulator.
 *
 * 1. Nothing that a caller passed in or got out is shared with what is stored.
 * 2. A checkpoint that throws has changed nothing of its shard.
 */

import { attemptsAtClaim, type HostDeath } from "../core/attempts.ts";
import type { Address } from "../core/actor.ts";
import { joinBytes, packedRow, packRows } from "../core/bytes.ts";
import {
  type Checkpoint,
  type Claim,
  type CommitResult,
  type DueActor,
  type DuePage,
  emptyMemory,
  type KeyIncrement,
  type Loaded,
  type OpenRequest,
  type OutboxFrame,
  type Positions,
  type ShardMemory,
  type SnapshotBatch,
  type StoredDeadLetter,
} from "../core/checkpoint.ts";
import { invariant } from "../core/errors.ts";
import { compareBytes } from "./byte_order.ts";
import { checkShape } from "./checkpoint_shape.ts";
import { MemoryDeadLetters } from "./memory_dead_letters.ts";
import { MemoryHistory } from "./memory_history.ts";
import type {
  ActorCount,
  DeadLetterFilter,
  DeadLetterPage,
  ListPage,
  RowRange,
  ShardRow,
  StoredHistoryRow,
} from "./port.ts";
import { raceOf } from "./raced.ts";

interface Snapshot {
  readonly kind: string;
  readonly id: string;
  readonly dueMs: number | null;
  readonly hot: Uint8Array;
  readonly cold: Uint8Array | null;
}

interface Shard {
  epoch: number;
  commit: number;
  owner: string;
  positions: Positions;
  memory: ShardMemory;
  committedAtMs: number;
  readonly actors: Map<string, Snapshot>;
  outbox: OutboxFrame[];
  readonly requests: Map<number, OpenRequest>;
  keys: KeyIncrement[];
}

function copyKeys({ atMs, hashes }: KeyIncrement): KeyIncrement {
  return { atMs, hashes: hashes.slice() };
}

export class MemoryStoreCore {
  readonly #shardCount: number;
  readonly #nowMs: () => number;
  readonly #shards = new Map<number, Shard>();
  readonly #history = new MemoryHistory();
  readonly #deadLetters = new MemoryDeadLetters();

  /** `nowMs`: the store's clock. */
  constructor(shardCount: number, nowMs: () => number = Date.now) {
    this.#shardCount = shardCount;
    this.#nowMs = nowMs;
  }

  #shard(shard: number): Shard {
    invariant(shard >= 0 && shard < this.#shardCount, `Shard ${shard} is one of ${this.#shardCount}`);
    let found = this.#shards.get(shard);
    if (found === undefined) {
      found = {
        epoch: 0,
        commit: 0,
        owner: "",
        positions: {},
        memory: emptyMemory,
        committedAtMs: 0,
        actors: new Map(),
        outbox: [],
        requests: new Map(),
        keys: [],
      };
      this.#shards.set(shard, found);
    }
    return found;
  }

  claimNow(
    shard: number,
    owner: string,
    death: HostDeath | null = null,
    after: number | null = null,
  ): Claim {
    const found = this.#shard(shard);
    const race = raceOf(shard, found.epoch, after);
    if (race !== null) throw race;
    const attempts = attemptsAtClaim(found.memory.attempts, found.epoch, death);
    found.memory = { ...found.memory, attempts };
    found.epoch++;
    found.owner = owner;
    found.committedAtMs = this.#nowMs();
    const { epoch, commit, positions, memory, outbox, requests, keys } = found;
    return {
      shard,
      epoch,
      commit,
      positions: structuredClone(positions),
      memory: structuredClone(memory),
      outbox: [...outbox].sort((a, b) => a.target - b.target || a.n - b.n),
      requests: [...requests.values()].sort((a, b) => a.n - b.n),
      keys: joinBytes(keys.toSorted((a, b) => a.atMs - b.atMs).map(({ hashes }) => hashes)),
    };
  }

  epochNow(shard: number): number {
    return this.#shard(shard).epoch;
  }

  rowsNow(): ShardRow[] {
    return [...this.#shards].filter(([, { epoch }]) => epoch > 0)
      .map(([shard, { epoch, owner, positions, commit, committedAtMs }]) => ({
        shard,
        epoch,
        owner,
        positions: structuredClone(positions),
        commit,
        committedAtMs,
      }))
      .sort((a, b) => a.shard - b.shard);
  }

  /** The name that the shard's last claimer gave; empty before the first claim. */
  ownerNow(shard: number): string {
    return this.#shard(shard).owner;
  }

  commitNow(checkpoints: readonly Checkpoint[]): CommitResult[] {
    checkpoints.forEach(checkShape);
    return checkpoints.map((checkpoint) => this.#commitOne(checkpoint));
  }

  #commitOne(checkpoint: Checkpoint): CommitResult {
    const { epoch, commit } = checkpoint;
    const shard = this.#shard(checkpoint.shard);
    if (shard.epoch === epoch && shard.commit === commit) return "committed";
    if (shard.epoch !== epoch || shard.commit !== commit - 1) return "fenced";
    const written = new Set(shard.outbox.map(({ target, n }) => `${target}/${n}`));
    invariant(
      checkpoint.outbox.every(({ target, n }) => !written.has(`${target}/${n}`)),
      `An outbox frame of shard ${checkpoint.shard} is written once`,
    );
    invariant(
      checkpoint.requests.every(({ n }) => !shard.requests.has(n)),
      `A request of shard ${checkpoint.shard} is written once`,
    );
    this.#history.checkNew(checkpoint.history);
    shard.commit = commit;
    shard.committedAtMs = this.#nowMs();
    shard.positions = structuredClone(checkpoint.positions);
    shard.memory = structuredClone(checkpoint.memory);
    this.#writeSnapshots(shard, checkpoint.snapshots);
    this.#writeQueues(shard, checkpoint);
    for (const request of checkpoint.requests) shard.requests.set(request.n, { ...request });
    for (const n of checkpoint.requestsDone) shard.requests.delete(n);
    this.#history.write(checkpoint.history);
    this.#deadLetters.write(checkpoint.deadLetters, checkpoint.replayed);
    return "committed";
  }

  #writeSnapshots({ actors }: Shard, { kinds, ids, dueMs, hot, coldOf, cold }: SnapshotBatch): void {
    ids.forEach((id, index) => {
      const kind = kinds[index]!;
      const key = `${kind}/${id}`;
      actors.set(key, {
        kind,
        id,
        dueMs: dueMs[index]!,
        hot: packedRow(hot, index).slice(),
        cold: actors.get(key)?.cold ?? null,
      });
    });
    coldOf.forEach((actor, index) => {
      const key = `${kinds[actor]!}/${ids[actor]!}`;
      actors.set(key, { ...actors.get(key)!, cold: packedRow(cold, index).slice() });
    });
  }

  #writeQueues(shard: Shard, { outbox, outboxDone, keys, keysBeforeMs }: Checkpoint): void {
    const isDone = ({ target, n }: OutboxFrame) =>
      outboxDone.some((done) => done.target === target && n <= done.n);
    shard.outbox = [...shard.outbox, ...outbox.map((frame) => ({ ...frame }))]
      .filter((frame) => !isDone(frame));
    if (keys !== null) shard.keys.push(copyKeys(keys));
    shard.keys = shard.keys.filter(({ atMs }) => atMs >= keysBeforeMs);
  }

  loadNow(shard: number, keys: readonly Address[]): Loaded {
    const { actors, epoch } = this.#shard(shard);
    const found = keys.map(({ kind, id }) => actors.get(`${kind}/${id}`)).filter((row) => row !== undefined);
    const withCold = found.flatMap(({ cold }, index) => cold === null ? [] : [{ index, cold }]);
    return {
      epoch,
      kinds: found.map(({ kind }) => kind),
      ids: found.map(({ id }) => id),
      dueMs: found.map(({ dueMs }) => dueMs),
      hot: packRows(found.map(({ hot }) => hot)),
      coldOf: withCold.map(({ index }) => index),
      cold: packRows(withCold.map(({ cold }) => cold)),
    };
  }

  dueNow(shard: number, afterMs: number, limit: number): DuePage {
    const { actors, epoch } = this.#shard(shard);
    const due: DueActor[] = [];
    for (const { kind, id, dueMs } of actors.values()) {
      if (dueMs !== null && dueMs > afterMs) due.push({ dueMs, kind, id });
    }
    due.sort((a, b) => a.dueMs - b.dueMs || compareBytes(a.kind, b.kind) || compareBytes(a.id, b.id));
    return { epoch, actors: due.slice(0, limit) };
  }

  *#snapshots(): Generator<Snapshot> {
    for (const { actors } of this.#shards.values()) yield* actors.values();
  }

  listNow(kind: string, after: string | null, limit: number): ListPage {
    const rest: string[] = [];
    for (const actor of this.#snapshots()) {
      if (actor.kind === kind && (after === null || compareBytes(actor.id, after) > 0)) rest.push(actor.id);
    }
    const ids = rest.sort(compareBytes).slice(0, limit);
    return { ids, next: rest.length > limit ? ids.at(-1) ?? null : null };
  }

  countActorsNow(): ActorCount[] {
    const counts = new Map<string, number>();
    for (const { kind } of this.#snapshots()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return [...counts].map(([kind, count]) => ({ kind, count })).sort((a, b) => compareBytes(a.kind, b.kind));
  }

  historyNow(actor: Address, range: RowRange): StoredHistoryRow[] {
    return this.#history.read(actor, range);
  }

  expireHistoryNow(beforeMs: number, limit: number): number {
    return this.#history.expire(beforeMs, limit);
  }

  deadLettersNow(filter: DeadLetterFilter): DeadLetterPage {
    return this.#deadLetters.list(filter);
  }

  deadLetterNow(id: string): StoredDeadLetter | null {
    return this.#deadLetters.find(id);
  }

  expireDeadLettersNow(beforeMs: number, limit: number): number {
    return this.#deadLetters.expire(beforeMs, limit);
  }
}
