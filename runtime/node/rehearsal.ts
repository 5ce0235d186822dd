/**
 * A thread that waits folds for practice what its node's logs hold: V8 compiles what has run often, and a thread that
 * has folded nothing yet is slow. After a takeover under load that was most of the wait (`deno task bench host-death`).
 *
 * 1. Nothing of it leaves the thread: log and store are read, claims are made up, and neither commits nor appends nor
 *    requests are made.
 * 2. It folds what the shards' owners have folded, and nothing before them, and nothing that hosts died of
 *    (`practice.ts`): a message that hangs whoever folds it is theirs to meet.
 * 3. It folds a little at a time, as others answer meanwhile.
 * 4. It is over after `rehearsalMs`, or when it is stopped. What turns count for `/metrics` is then as it was before.
 * 5. Its actors' memory is given back behind that, a little at a time: to do so at once takes longer than a claim, and the
 *    thread may have become a host.
 */

import type { ActorTable } from "../core/actor_table.ts";
import { type Checkpoint, type Claim, type CommitResult, emptyMemory, MAILBOX } from "../core/checkpoint.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { Registry } from "../core/registry.ts";
import { errorMessage } from "../core/errors.ts";
import { KeyMemory } from "../core/keys.ts";
import { Shard } from "../core/shard.ts";
import type { MailboxLog } from "../log/port.ts";
import type { Store } from "../store/port.ts";
import type { ActorCounters } from "./actor_module.ts";
import type { Clock } from "./clock.ts";
import { ShardHost } from "./host.ts";
import {
  rehearsalBytes,
  rehearsalClearActors,
  rehearsalClearPauseMs,
  rehearsalMs,
  rehearsalStepBytes,
  rehearsalStepMs,
} from "./limits.ts";
import type { Notice } from "./notice.ts";
import { PacedGrants } from "./paced_grants.ts";
import type { PracticeRanges } from "./practice.ts";
import { TurnBoard, turnBoardBytes } from "./turn_board.ts";

export interface RehearsalParts {
  readonly registry: Registry;
  readonly counters: ActorCounters;
  readonly shardCount: number;
  readonly limits: ShardLimits;
  readonly clock: Clock;
  readonly log: MailboxLog;
  readonly store: Store;
  readonly frames: PracticeRanges;
  report(notice: Notice): void;
}

/** With those of all shards enough to have the code compiled. */
const practiceKeyCount = 4000;

/** What claims say; no store ever gives it out. */
const epoch = 1;

export class Rehearsal {
  readonly #parts: RehearsalParts;
  readonly #grants = new PacedGrants(rehearsalStepBytes, rehearsalStepMs);
  readonly #host: ShardHost;
  readonly #counted: ReadonlyMap<string, number>;
  readonly #timer: ReturnType<typeof setTimeout>;
  /** To be cleared. */
  readonly #discarded: ActorTable[] = [];
  #isOver = false;
  #stopping: Promise<void> | null = null;

  constructor(parts: RehearsalParts) {
    this.#parts = parts;
    const { registry, counters, shardCount, clock } = parts;
    const limits = { ...parts.limits, actorBytes: Math.floor(rehearsalBytes / shardCount) };
    this.#counted = new Map(Object.entries(counters).map(([name, { value }]) => [name, value]));
    this.#host = new ShardHost({
      name: "rehearsal",
      owner: "rehearsal",
      machine: (shard, counters) =>
        new Shard({
          shard,
          shardCount,
          registry,
          limits,
          counters,
          discard: (actors) => this.#discard(actors),
        }),
      log: readOnlyLog(parts, this.#grants),
      store: readOnlyStore(parts),
      clock,
      board: new TurnBoard(new SharedArrayBuffer(turnBoardBytes)),
      counters: {},
      tracing: null,
      post: () => {},
    });
    this.#host.start({ number: 0, shards: Object.keys(parts.frames).map(Number), deaths: {} });
    this.#timer = setTimeout(() => void this.stop(), rehearsalMs);
  }

  /** True when nothing is left. The thread may be a host, which shall not die of what was only practice. */
  #clearSome(actors: ActorTable): boolean {
    try {
      return actors.clear(rehearsalClearActors);
    } catch (thrown) {
      const message = `Memory of a practice is lost: ${errorMessage(thrown)}`;
      this.#parts.report({ level: "error", component: "rehearsal", event: "release-failed", message });
      return true;
    }
  }

  #discard(actors: ActorTable): void {
    if (this.#isOver) this.#discarded.push(actors);
    else actors.clear();
  }

  /** At once, but for the ports, which close when what is under way is answered. Resolves when its memory is given back. */
  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#grants.close();
    const { counters, log, store, clock } = this.#parts;
    void this.#host.stop();
    for (const [name, value] of this.#counted) counters[name]!.value = value;
    void log.close();
    void store.close();
    await clock.sleep(rehearsalClearPauseMs);
    for (let actors = this.#discarded.pop(); actors !== undefined; actors = this.#discarded.pop()) {
      while (!this.#clearSome(actors)) await clock.sleep(rehearsalStepMs);
    }
  }
}

type HostLog = Pick<MailboxLog, "append" | "subscribe" | "extent" | "trim" | "holds">;

function readOnlyLog({ log, frames }: RehearsalParts, grants: PacedGrants): HostLog {
  return {
    // Nobody waits for it longer than the rehearsal lasts.
    append: () => new Promise(() => {}),
    subscribe: async (shard, from, deliver, failed) => {
      const last = frames[shard]?.last ?? -1;
      return grants.pace(
        await log.subscribe(
          shard,
          from,
          (delivered) => deliver(delivered.filter(({ offset }) => offset <= last)),
          failed,
        ),
      );
    },
    extent: (shard) => log.extent(shard),
    trim: () => Promise.resolve(),
    holds: () => Promise.resolve(true),
  };
}

type HostStore = Pick<Store, "epoch" | "claim" | "load" | "due" | "commit">;

/** Eight digits that look as those of a hash do: of small numbers V8 would compile code that is of no use for real ones. */
function practiceDigits(n: number, multiplier: number): string {
  return (Math.imul(n + 1, multiplier) >>> 0).toString(16).padStart(8, "0");
}

/** Keys that a shard takes back, made up. */
function practiceKeys(nowMs: number, retentionMs: number): Uint8Array {
  const keys = new KeyMemory(retentionMs);
  for (let n = 0; n < practiceKeyCount; n++) {
    keys.add(practiceDigits(n, 0x9e3779b1) + practiceDigits(n, 0x85ebca6b), nowMs);
  }
  return keys.takeIncrement(nowMs)?.hashes ?? new Uint8Array(0);
}

function readOnlyStore({ log, store, clock, limits, frames }: RehearsalParts): HostStore {
  const keys = practiceKeys(clock.nowMs(), limits.keyRetentionMs);
  return {
    epoch: () => Promise.resolve(0),
    claim: async (shard): Promise<Claim> => {
      const { begin } = await log.extent(shard);
      const before = Math.max(begin - 1, frames[shard]?.after ?? -1);
      const positions = { [MAILBOX]: { offset: before, index: 0 } };
      return { shard, epoch, commit: 0, positions, memory: emptyMemory, outbox: [], requests: [], keys };
    },
    load: async (shard, keys) => ({ ...await store.load(shard, keys), epoch }),
    due: () => Promise.resolve({ epoch, actors: [] }),
    commit: (checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> =>
      Promise.resolve(checkpoints.map(() => "committed")),
  };
}
