/**
 * A shard host by its number: a child of the node's supervisor, which gives it a thread again whenever its thread died.
 *
 * 1. A death inside a turn is told to the next thread, which claims the turn's shard with it; see `attempts.ts`. It does
 *    not count towards the host's intensity and backoff: the message is to blame.
 * 2. A call made while the host is dead waits for the next thread; one under way when it dies fails with a
 *    `HostDiedError`, and whoever made it decides whether to make it again.
 * 3. Every thread's last totals and metrics are kept: `totals` never goes down.
 * 4. A shard that is refused, and an actor that is suspended, is told of at once, and once in a stay of the shard.
 * 5. Every thread has the shards that `own` named last, at once or from its start. Nothing is heard of a shard that is
 *    not the host's, nor of an earlier stay of one that came back; and its death goes with it.
 */

import type { MessagePort } from "node:worker_threads";
import type { Json } from "../core/actor.ts";
import type { HostDeath } from "../core/attempts.ts";
import { errorMessage } from "../core/errors.ts";
import type { Published } from "../core/publishing.ts";
import type { End } from "../core/supervision_api.ts";
import type { StorePorts } from "../store/remote_store.ts";
import { HostDiedError, type HostEnd, type HostLife } from "./host_life.ts";
import type {
  HostNews,
  HostShares,
  HostTotals,
  MetricsJson,
  ShardReport,
  ShardRequest,
} from "./host_protocol.ts";
import { hostStopMs } from "./limits.ts";
import type { Report } from "./notice.ts";
import type { Child, Running } from "./supervisor.ts";

/** A `HostLife` as a host has it. */
export type HostThread = Pick<HostLife, "assign" | "belongTo" | "board" | "die" | "rpc" | "stop">;

export interface HostParts {
  readonly host: number;
  /** A thread: a warm one, if there is any. */
  thread(): HostThread;
  /** A new port to the log's (store's) thread; the same name again replaces the earlier port. */
  connectLog(client: string): MessagePort;
  connectStore(client: string): StorePorts;
  /** Some of the host's shards tell how they are, all of those that it knows of. */
  onReport(shards: readonly ShardReport[]): void;
  /** What the tree says of it. */
  details(): Json;
  /** A shard asks a service, perhaps again. */
  onRequest(request: ShardRequest): void;
  /** A confirmed checkpoint tells of its actors. */
  onPublished(published: Published): void;
  readonly report: Report;
  /** The thread ended; `metrics` are the last it reported. */
  onDeath(metrics: MetricsJson): void;
  /** In that of one of its shards. */
  onDeathInTurn(shard: number, death: HostDeath): void;
}

const noTotals: HostTotals = { messages: 0, frames: 0, deadLetters: 0 };

export class HostHandle {
  readonly host: number;
  readonly #parts: HostParts;
  #life: HostThread | null = null;
  #shares: HostShares = { number: 0, shards: [] };
  /** By own shard: the number of the `HostShares` with which it came. */
  readonly #since = new Map<number, number>();
  #isStopped = false;
  #pastTotals = noTotals;
  #totals = noTotals;
  #metrics: MetricsJson = [];
  /** By shard, until it is claimed again: in which turn of it a thread died. */
  readonly #deaths = new Map<number, HostDeath>();
  readonly #waiting = new Set<() => void>();
  /** Refusals that were told of, by shard. */
  readonly #refusals = new Map<number, string>();
  /** By shard, those of its suspended actors that were told of. */
  readonly #suspended = new Map<number, ReadonlySet<string>>();

  constructor(parts: HostParts) {
    this.host = parts.host;
    this.#parts = parts;
  }

  /** Sums over all threads that this host has had. */
  get totals(): HostTotals {
    return addTotals(this.#pastTotals, this.#totals);
  }

  /** The living thread's metrics as it reported them last. */
  get lastMetrics(): MetricsJson {
    return this.#metrics;
  }

  /** See `turn_board.ts`; null while there is no thread. */
  get board(): SharedArrayBuffer | null {
    return this.#life?.board ?? null;
  }

  get shards(): readonly number[] {
    return this.#shares.shards;
  }

  /** From now on these shards are the host's, and no others. */
  own(shards: readonly number[]): void {
    const own = new Set(shards);
    const lost = this.shards.filter((shard) => !own.has(shard));
    const gained = shards.filter((shard) => !this.#since.has(shard));
    if (lost.length + gained.length === 0) return;
    this.#shares = { number: this.#shares.number + 1, shards };
    for (const shard of lost) {
      for (const known of [this.#since, this.#deaths, this.#refusals, this.#suspended]) known.delete(shard);
    }
    for (const shard of gained) this.#since.set(shard, this.#shares.number);
    const life = this.#life;
    life?.rpc.call<void>("own", [this.#shares]).catch((thrown: unknown) =>
      // One that died before has them from its next start.
      life.die(`it could not take its shards: ${errorMessage(thrown)}`)
    );
  }

  /** The host as the supervisor has it. */
  child(): Child {
    return {
      id: `host-${this.host}`,
      restart: "permanent",
      startMs: Infinity,
      stopMs: hostStopMs,
      start: () => Promise.resolve(this.#start()),
      details: () => this.#parts.details(),
    };
  }

  #start(): Running {
    const { host, connectLog, connectStore } = this.#parts;
    const ended = Promise.withResolvers<End>();
    const life = this.#parts.thread();
    life.belongTo({
      hear: (message) => this.#hear(message),
      ended: (end) => ended.resolve(this.#died(end)),
    });
    const name = `host-${host}`;
    const deaths = Object.fromEntries(this.#deaths);
    const [log, store] = [connectLog(name), connectStore(name)];
    life.assign({ type: "assign", host, ...this.#shares, log, store, deaths });
    this.#life = life;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return { ended: ended.promise, stop: () => life.stop(), kill: () => life.die("it was killed") };
  }

  #hear(message: HostNews): void {
    switch (message.type) {
      case "report":
        this.#totals = message.totals;
        return this.#reported(message.shards.filter(({ shard }) => this.#isPresent(shard, message.number)));
      case "metrics":
        this.#metrics = message.metrics;
        return;
      case "request":
        if (this.#since.has(message.request.shard)) this.#parts.onRequest(message.request);
        return;
      case "published":
        return this.#parts.onPublished(message.published);
      case "notice":
        return this.#parts.report(message.notice);
      default:
        return message satisfies never;
    }
  }

  /** Whether what was said with this number in mind is of the shard's present stay. */
  #isPresent(shard: number, number: number): boolean {
    return number >= (this.#since.get(shard) ?? Infinity);
  }

  #reported(shards: readonly ShardReport[]): void {
    this.#tellRefusals(shards);
    for (const shard of shards) this.#tellSuspensions(shard);
    this.#forgetDeaths(shards);
    this.#parts.onReport(shards);
  }

  #forgetDeaths(shards: readonly ShardReport[]): void {
    for (const { shard, epoch } of shards) {
      if (epoch > (this.#deaths.get(shard)?.epoch ?? Infinity)) this.#deaths.delete(shard);
    }
  }

  #tellRefusals(shards: readonly ShardReport[]): void {
    for (const { shard, refusal } of shards) {
      if (refusal === null || this.#refusals.get(shard) === refusal) continue;
      this.#refusals.set(shard, refusal);
      const reason = refusal.replace(/\.$/, "");
      this.#parts.report({
        level: "error",
        component: `host-${this.host}`,
        event: "shard-refused",
        like: `${shard}`,
        message: `${reason}. Its actors are not available until the node is started again.`,
        fields: { shard, host: this.host },
      });
    }
  }

  #tellSuspensions({ shard, suspended }: ShardReport): void {
    const told = this.#suspended.get(shard);
    if (suspended.size === 0 && told === undefined) return;
    for (const actor of suspended.keys()) {
      if (told?.has(actor)) continue;
      this.#parts.report({
        level: "warn",
        component: `host-${this.host}`,
        event: "actor-suspended",
        message: `${actor} is suspended, and its messages wait until it is resumed: it threw too often.`,
        fields: { shard, host: this.host, kind: actor.slice(0, actor.indexOf("/")) },
      });
    }
    if (suspended.size === 0) this.#suspended.delete(shard);
    else this.#suspended.set(shard, new Set(suspended.keys()));
  }

  #died({ reason, inTurn }: HostEnd): End {
    this.#life = null;
    this.#pastTotals = this.totals;
    this.#totals = noTotals;
    const metrics = this.#metrics;
    this.#metrics = [];
    this.#parts.onDeath(metrics);
    if (inTurn !== null && this.#since.has(inTurn.shard)) {
      this.#deaths.set(inTurn.shard, inTurn.death);
      this.#parts.onDeathInTurn(inTurn.shard, inTurn.death);
    }
    return {
      reason: "failed",
      sentence: `Host ${this.host} died: ${reason}`,
      counts: inTurn === null,
    };
  }

  /** Calls the host; see guarantee 2. */
  async call<T>(method: string, args: readonly unknown[]): Promise<T> {
    while (this.#life === null) {
      if (this.#isStopped) throw new HostDiedError(`Host ${this.host} is stopped`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    return await this.#life.rpc.call<T>(method, args);
  }

  /** Fresh metrics, remembered: what a scrape has shown is not lost with the thread. */
  async readMetrics(): Promise<MetricsJson> {
    const life = this.#life;
    if (life === null) return [];
    const metrics = await life.rpc.call<MetricsJson>("metrics", []);
    if (life === this.#life) this.#metrics = metrics;
    return metrics;
  }

  /** Ends the thread as a death would: it is restarted. */
  kill(reason: string): void {
    this.#life?.die(reason);
  }

  /** Calls fail from now on: the host will not be started again. */
  close(): void {
    this.#isStopped = true;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

export function addTotals(one: HostTotals, other: HostTotals): HostTotals {
  return {
    messages: one.messages + other.messages,
    frames: one.frames + other.frames,
    deadLetters: one.deadLetters + other.deadLetters,
  };
}
