/**
 * A shard on a simulated host thread: it drives the real shard, performs its actions on log and store through the
 * network, and can die between any two events and in any turn.
 *
 * 1. A commit whose outcome is not known is reported as "failed". Every other request is made again, and so is a
 *    commit for which the disk was full.
 * 2. Of a slice in which the host goes down nothing is left: no action of it is performed.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Checkpoint, Claim, CommitResult } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import type { LogFrame } from "../core/log_frame.ts";
import { Shard } from "../core/shard.ts";
import type { Action, Answer, ShardQuery } from "../core/shard_api.ts";
import { type Claimer, Claiming } from "./claiming.ts";
import { Fuse } from "./fuse.ts";
import type { Hosts } from "./hosts.ts";
import type { Life } from "./life.ts";
import { Lanes } from "./lanes.ts";
import { check, OracleError } from "./oracle_error.ts";
import type { Plant } from "./plant.ts";
import { makePlant } from "./plants.ts";
import type { Process } from "./process.ts";
import { Reader, type Subscriber } from "./reader.ts";
import { Slices } from "./slices.ts";
import { StrictQueries } from "./strict_queries.ts";
import type { World } from "./world.ts";

export class Driver implements Claimer, Subscriber {
  readonly name: string;
  readonly process: Process;
  readonly shard: number;
  isAlive = true;
  readonly #world: World;
  readonly #hosts: Hosts;
  readonly #life: Life;
  readonly #machine: Shard;
  readonly #plant: Plant;
  readonly #claiming: Claiming;
  readonly #lanes: Lanes;
  readonly #fuse: Fuse;
  readonly #slices: Slices;
  readonly #queries: StrictQueries;
  #reader: Reader | null = null;
  #epoch = 0;
  /** The end of the log, as far as it was delivered. */
  #deliveredEnd = 0;

  constructor(world: World, hosts: Hosts, life: Life, shard: number, number: number) {
    this.#world = world;
    this.#hosts = hosts;
    this.#life = life;
    this.shard = shard;
    this.process = hosts.process;
    this.name = `${hosts.process.name}/host${life.hostId}.${number}/shard${shard}`;
    this.#plant = makePlant(world.plantName, life.attic(shard));
    this.#claiming = new Claiming(world, this, hosts.membership, this.#plant);
    this.#fuse = new Fuse(world.casualties, life, shard);
    this.#lanes = new Lanes(world, this, ({ epoch, target, n }) => {
      this.#input((machine) => machine.appended(epoch, target, n, this.#nowMs));
    });
    this.#slices = new Slices(world, this, {
      run: (clock, sliceMs) => this.#run(clock, sliceMs),
      wakeAtMs: (nowMs) => this.#machine.wakeAtMs(nowMs),
    });
    this.#queries = new StrictQueries(world, this, ({ folded, ...query }) => {
      const end = this.#plant.end(folded, this.#deliveredEnd);
      this.#input((machine) => machine.query({ ...query, folded: end }));
    });
    this.#machine = new Shard({
      shard,
      shardCount: world.shardCount,
      registry: this.#fuse.registry,
      limits: world.limits,
      witness: this.#fuse,
    });
  }

  /** The epoch under which it runs, or ran; 0 before its first claim. */
  get epoch(): number {
    return this.#epoch;
  }

  get isAssigned(): boolean {
    return this.#hosts.isAssigned(this);
  }

  begin(death: HostDeath | null): void {
    this.#input((machine) => machine.begin(death));
  }

  get #nowMs(): number {
    return this.#slices.nowMs;
  }

  jumpAhead(jumpMs: number): void {
    this.#slices.jumpAhead(jumpMs);
  }

  /** The thread dies: nothing of it is performed or answered any more. */
  crash(): void {
    this.isAlive = false;
    this.#queries.clear();
  }

  /** An orderly stop. */
  letGo(): void {
    if (!this.isAlive) return;
    this.#world.trace(`${this.name} is stopped`);
    this.#machine.stop();
    this.#perform();
    this.#queries.giveUp();
    this.crash();
    this.#life.drivers = this.#life.drivers.filter((driver) => driver !== this);
  }

  query(request: ShardQuery["request"], answered: (answer: Answer) => void): void {
    this.#queries.ask(request, answered);
  }

  hurry(): void {
    this.#input((machine) => machine.hurry());
  }

  wakeReader(): void {
    this.#reader?.wake();
  }

  /** Gives the shard something, then does what it asks for. */
  #input(give: (machine: Shard) => void): void {
    if (!this.isAlive) return;
    this.#guarded(() => give(this.#machine));
    this.#perform();
    this.#slices.schedule();
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof OracleError) throw thrown;
      const stack = thrown instanceof Error ? thrown.stack : "";
      throw new OracleError("threw", `${this.name} threw: ${errorMessage(thrown)}\n${stack}`, {
        cause: thrown,
      });
    }
  }

  #run(clock: () => number, sliceMs: number): boolean | null {
    const more = this.#guarded(() => this.#fuse.guard(() => this.#machine.run(clock, sliceMs)));
    const { fall } = this.#fuse;
    if (fall !== null) {
      this.#hosts.fell(this.#life, this, fall);
      return null;
    }
    this.#perform();
    return more;
  }

  #perform(): void {
    for (const action of this.#plant.actions(this.#machine.takeActions())) {
      if (this.isAlive) this.#performOne(action);
    }
  }

  #performOne(action: Action): void {
    const { store, auditor } = this.#world;
    if ("epoch" in action) auditor.acts(this.shard, action.epoch, this.name);
    switch (action.type) {
      case "claim":
        this.#lanes.clear();
        this.#read(null);
        this.#claiming.begin(action.death);
        return;
      case "subscribe":
        this.#subscribe(action.epoch, action.from);
        return;
      case "grant":
        this.#reader?.grant(action.bytes);
        return;
      case "load": {
        const keys = action.keys.map(({ kind, id }) => `${kind}/${id}`).join(" ");
        this.#ask(
          action.epoch,
          `loads ${keys}`,
          () => store.loadNow(this.shard, action.keys),
          (machine, loaded) => machine.loaded(action.epoch, this.#plant.loaded(loaded)),
        );
        return;
      }
      case "due":
        this.#ask(
          action.epoch,
          `reads ${action.limit} timers after ${action.afterMs}`,
          () => store.dueNow(this.shard, action.afterMs, action.limit),
          (machine, due) => machine.dueLoaded(action.epoch, due),
        );
        return;
      case "commit":
        // Between threads it is copied: the shard frees its own once it is confirmed, and a repeat may be under way.
        this.#commit(structuredClone(action.checkpoint));
        return;
      case "append":
        this.#lanes.add(action);
        return;
      case "request":
        throw new OracleError("refused", `${this.name} asks a service: no program does`);
      case "tick":
        this.#tick(action.epoch, action.text);
        return;
      case "folded":
      case "published":
        return;
      case "trim":
        this.#world.network.request({
          from: this,
          to: "log",
          label: `trims below ${action.below}`,
          effect: () => this.#world.log.trim(this.shard, action.below),
          settle: () => {},
        });
        return;
      case "answer":
        this.#queries.answer(action.queryId, action.answer);
        return;
      case "refuse":
        throw new OracleError("refused", `${this.name} refused: ${action.sentence}`);
      default:
        action satisfies never;
    }
  }

  claimed(claim: Claim): void {
    this.#epoch = claim.epoch;
    this.#hosts.claimed(this.shard, claim.epoch);
    this.#input((machine) => machine.started(claim, this.#nowMs));
  }

  /** A request to the store that is made again, under the same epoch, until it is answered. */
  #ask<T>(epoch: number, label: string, effect: () => T, give: (machine: Shard, value: T) => void): void {
    this.#world.network.request<T>({
      from: this,
      to: "store",
      label: `${label} (epoch ${epoch})`,
      effect,
      settle: (outcome) => {
        if (outcome.type === "answered") this.#input((machine) => give(machine, outcome.value));
        else if (epoch === this.#epoch) this.#ask(epoch, label, effect, give);
      },
    });
  }

  #tick(epoch: number, text: string): void {
    this.#world.network.request({
      from: this,
      to: "log",
      label: `ticks (epoch ${epoch})`,
      effect: () => this.#world.append(this.shard, text),
      settle: (outcome) => {
        if (outcome.type !== "answered" && epoch === this.#epoch) this.#tick(epoch, text);
      },
    });
  }

  #commit(checkpoint: Checkpoint): void {
    const { epoch, commit, positions } = checkpoint;
    this.#world.network.request<CommitResult>({
      from: this,
      to: "store",
      label: `commits ${commit} under ${epoch} at ${JSON.stringify(positions)}`,
      effect: () => this.#world.commit(checkpoint),
      mayRepeat: true,
      settle: (outcome) => {
        if (outcome.type === "full") {
          if (epoch === this.#epoch) this.#commit(checkpoint);
          return;
        }
        const result = outcome.type === "answered" ? outcome.value : "failed";
        this.#input((machine) => machine.committed(epoch, commit, result, this.#nowMs));
      },
    });
  }

  #read(reader: Reader | null): void {
    this.#reader?.close();
    this.#reader = reader;
  }

  #subscribe(epoch: number, from: number): void {
    const { begin, end } = this.#world.log.extent(this.shard);
    this.#deliveredEnd = from;
    const reader = new Reader(this.#world, this, epoch, from);
    this.#read(reader);
    if (from < begin || from > end) this.process.after(this.#world.network.legMs(), () => this.ended(reader));
  }

  /** Another owner has claimed and trimmed what this one was to read: another claim tells where to begin. */
  ended(reader: Reader): void {
    if (reader !== this.#reader || !this.isAlive) return;
    check(
      "positions",
      this.#world.auditor.isPast(this.shard, reader.epoch),
      () => `${this.name} owns its shard, and its log does not have what it is to read`,
    );
    this.#input((machine) => machine.begin());
  }

  deliver({ epoch }: Reader, frames: readonly LogFrame[]): void {
    this.#world.trace(`${this.name} gets ${frames[0]?.offset}..${frames.at(-1)?.offset} (epoch ${epoch})`);
    if (epoch === this.#epoch) this.#deliveredEnd = (frames.at(-1)?.offset ?? -1) + 1;
    const passed = this.#plant.frames(frames);
    this.#input((machine) => machine.deliver(epoch, passed, this.#nowMs));
  }
}
