/** An engine for tests of the HTTP edge: it keeps what is sent and answers what it was told to answer. */

import type { Json } from "../../runtime/core/actor.ts";
import type { StoredDeadLetter } from "../../runtime/core/checkpoint.ts";
import type { ClusterStatus } from "../../runtime/node/cluster_view.ts";
import type { Peers } from "../../runtime/node/peers.ts";
import { suspendedPage } from "../../runtime/node/suspended_page.ts";
import type { Backups, BegunBackup } from "../../runtime/node/backups.ts";
import type {
  AskOptions,
  AskResult,
  Batch,
  Engine,
  EngineStatus,
  EngineTotals,
  Suspended,
  SuspendedPage,
} from "../../runtime/node/engine.ts";
import type { DeadLetterFilter, Store, StoredHistoryRow } from "../../runtime/store/port.ts";
import type { SupervisorTree } from "../../runtime/node/supervisor.ts";

export interface Sent {
  readonly kind: string;
  readonly id: string;
  readonly message: Json;
  readonly key: string | null;
}

export interface Asked {
  readonly kind: string;
  readonly id: string;
  readonly query: string;
  readonly args: unknown;
  readonly options: AskOptions;
}

export const fakeNowMs = Date.UTC(2026, 0, 31, 12);

export function answered(
  value: unknown,
  ageMs = 0,
  suspended: Extract<AskResult, { type: "answered" }>["suspended"] = null,
): AskResult {
  return {
    type: "answered",
    json: JSON.stringify(value),
    epoch: 3,
    positions: { mailbox: 41 },
    nowMs: fakeNowMs,
    suspended,
    ageMs,
  };
}

export class FakeEngine implements Engine {
  readonly shardCount = 8;
  readonly compute = null;
  readonly backups = new FakeBackups();
  readonly sent: Sent[] = [];
  readonly asked: Asked[] = [];
  readonly flushed: (readonly number[] | undefined)[] = [];
  readonly listed: unknown[] = [];
  readonly resumed: unknown[] = [];
  suspendedActors: readonly Suspended[] = [];
  /** Other nodes, which say what of theirs is suspended. */
  others: Pick<Peers, "suspended"> | null = null;
  clusterStatus: ClusterStatus = { nodes: [], shards: [], rebalances: [], missing: [] };
  /** Thrown by the next sends and asks. */
  failure: Error | null = null;
  answer: (asked: Asked) => AskResult = () => ({ type: "absent", ageMs: 0 });
  ids: readonly string[] = [];
  letters: readonly StoredDeadLetter[] = [];
  historyRows: readonly StoredHistoryRow[] = [];
  replays: number | null = null;
  ready = true;
  nowMs = fakeNowMs;
  /** Calls of the store are never answered. */
  isStoreSilent = false;
  totals: EngineTotals = { messages: 0, frames: 0, accepted: 0, deadLetters: 0 };

  shardOf(): number {
    return 5;
  }

  records(): never {
    throw new Error("HTTP reads no foreign topics");
  }

  lastRecords(): never {
    throw new Error("HTTP reads no foreign topics");
  }

  batch(key?: string): Batch {
    const messages: Sent[] = [];
    return {
      add: (kind, id, message) => void messages.push({ kind, id, message, key: key ?? null }),
      get size() {
        return messages.length;
      },
      send: () => {
        if (this.failure !== null) return Promise.reject(this.failure);
        this.sent.push(...messages);
        this.totals = { ...this.totals, accepted: this.totals.accepted + messages.length };
        return Promise.resolve();
      },
    };
  }

  refusal(): null {
    return null;
  }

  ask(
    target: { kind: string; id: string },
    query: string,
    args: unknown,
    options: AskOptions,
  ): Promise<AskResult> {
    const asked = { ...target, query, args, options };
    this.asked.push(asked);
    return this.failure === null ? Promise.resolve(this.answer(asked)) : Promise.reject(this.failure);
  }

  trace(target: { kind: string; id: string }, limit: number, options: AskOptions): Promise<AskResult> {
    return this.ask(target, "trace", { limit }, options);
  }

  flush(_deadlineMs: number, shards?: readonly number[]): Promise<void> {
    this.flushed.push(shards);
    return this.failure === null ? Promise.resolve() : Promise.reject(this.failure);
  }

  replayDeadLetter(): Promise<{ readonly replays: number } | null> {
    if (this.isStoreSilent) return silence();
    return Promise.resolve(this.replays === null ? null : { replays: this.replays });
  }

  resume(...args: readonly unknown[]): Promise<void> {
    this.resumed.push(args);
    return this.failure === null ? Promise.resolve() : Promise.reject(this.failure);
  }

  suspended(after: string, limit: number, deadlineMs: number): Promise<SuspendedPage> {
    return suspendedPage(this.suspendedActors, this.others, { after, limit, deadlineMs });
  }

  cluster(): Promise<ClusterStatus> {
    return Promise.resolve(this.clusterStatus);
  }

  logNowMs(): number {
    return this.nowMs;
  }

  get store(): Store {
    return this.isStoreSilent ? silentStore : this.#store;
  }

  readonly #store: Store = {
    list: (kind, after, limit) => {
      this.listed.push({ kind, after, limit });
      const rest = this.ids.filter((id) => after === null || id > after);
      const ids = rest.slice(0, limit);
      return Promise.resolve({ ids, next: rest.length > limit ? ids.at(-1) ?? null : null });
    },
    countActors: () => Promise.resolve([{ kind: "sensor", count: this.ids.length }]),
    history: (actor, range) => {
      this.listed.push({ actor, ...range });
      const { fromMs, toMs, limit } = range;
      const rows = this.historyRows.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
      return Promise.resolve(rows.slice(0, limit));
    },
    deadLetters: (filter: DeadLetterFilter) => {
      this.listed.push(filter);
      return Promise.resolve({ items: this.letters.slice(0, filter.limit), next: null });
    },
    deadLetter: (id) => Promise.resolve(this.letters.find((letter) => letter.id === id) ?? null),
    claim: unused,
    epoch: unused,
    rows: unused,
    load: unused,
    due: unused,
    commit: unused,
    expireHistory: unused,
    expireDeadLetters: unused,
    close: () => Promise.resolve(),
  };

  status(): EngineStatus {
    return {
      ready: this.ready,
      waitingFor: this.ready ? null : "Shard 3 is being claimed",
      shards: [{
        shard: 0,
        host: 0,
        state: this.ready ? "running" : "claiming",
        epoch: 3,
        folded: 41,
        appended: 41,
        oldestWaitingMs: null,
        sentence: null,
      }],
      totals: this.totals,
    };
  }

  supervise(): Promise<void> {
    throw new Error("The fake has no services");
  }

  tree(): SupervisorTree {
    const node = { state: "running", forMs: 5, remainingMs: null, lastError: null } as const;
    const shard = { shard: 0, state: "running", epoch: 3, queuedFrames: 2, oldestAgeMs: 340, suspended: 0 };
    const turn = {
      shard: 0,
      forMs: 1200,
      place: { offset: 42, index: 1, step: 0 },
      entry: { kind: "sensor", id: "a" },
    };
    const details = { shards: [shard], turn };
    const host = { ...node, id: "host-0", kind: "worker", restarts: 2, details } as const;
    const supervisor = { ...node, kind: "supervisor", strategy: "one_for_one", restarts: 0 } as const;
    return { ...supervisor, id: "node", children: [{ ...supervisor, id: "hosts", children: [host] }] };
  }

  metrics(): Promise<string> {
    return Promise.resolve(
      "# HELP sensorium_frames_total Frames.\n# TYPE sensorium_frames_total counter\nsensorium_frames_total 7\n",
    );
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** One backup, `b1`, of which it keeps what is asked. */
class FakeBackups implements Backups {
  readonly calls: string[] = [];
  /** Thrown by every call. */
  failure: Error | null = null;

  #called<T>(call: string, value: T): Promise<T> {
    this.calls.push(call);
    return this.failure === null ? Promise.resolve(value) : Promise.reject(this.failure);
  }

  begin(): Promise<BegunBackup> {
    return this.#called("begin", { id: "b1", leaseMs: 30_000, store: "the store" });
  }

  renew(id: string): void {
    this.calls.push(`renew ${id}`);
    if (this.failure !== null) throw this.failure;
  }

  log(id: string): Promise<readonly string[]> {
    return this.#called(`log ${id}`, ["00000001.db"]);
  }

  end(id: string): Promise<void> {
    return this.#called(`end ${id}`, undefined);
  }

  abandon(id: string): Promise<void> {
    return this.#called(`abandon ${id}`, undefined);
  }
}

const silence = () => new Promise<never>(() => {});

const silentStore: Store = {
  list: silence,
  countActors: silence,
  history: silence,
  deadLetters: silence,
  deadLetter: silence,
  claim: unused,
  epoch: unused,
  rows: unused,
  load: unused,
  due: unused,
  commit: unused,
  expireHistory: unused,
  expireDeadLetters: unused,
  close: () => Promise.resolve(),
};

function unused(): never {
  throw new Error("The HTTP edge does not call this");
}
