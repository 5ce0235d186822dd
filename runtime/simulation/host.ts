/**
 * A shard on a simulated host thread: it drives the real shard, performs its actions on log and store through the
 * network, and can die between any two events and in any turn.
 *
 * 1. Appends to one target go one at a time, in order, each until the log has answered: so says `shard_api.ts`.
 * 2. A commit whose outcome is not known is reported as "failed". Every other request is made again, and so is a
 *    commit for which the disk was full.
 * 3. Frames of a subscription arrive in order and within its credit.
 * 4. Of a slice in which the host goes down nothing is left: no action of it is performed.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Checkpoint, Claim, CommitResult } from "../core/checkpoint.ts";
import type { LogFrame } from "../core/log_frame.ts";
import { Shard } from "../core/shard.ts";
import type { Action, Answer, ShardQuery } from "../core/shard_api.ts";
import { errorMessage } from "../core/errors.ts";
import { Fuse } from "./fuse.ts";
import { check, OracleError } from "./oracle_error.ts";
import type { Party } from "./network.ts";
import { makePlant, type Plant } from "./plants.ts";
import type { Life } from "./node.ts";
import type { World } from "./world.ts";

type Append = Extract<Action, { type: "append" }>;

/** Reads a shard's log for one subscription. */
interface Reader {
  readonly epoch: number;
  next: number;
  creditBytes: number;
  /** Batches arrive in order: not before this time. */
  arrivesMs: number;
  isReading: boolean;
}

const mostFramesPerBatch = 6;

export class Driver implements Party {
  readonly name: string;
  isAlive = true;
  readonly shard: number;
  readonly #world: World;
  readonly #life: Life;
  readonly #machine: Shard;
  readonly #plant: Plant;
  #reader: Reader | null = null;
  /** By which the host's monotonic clock is ahead of the agenda: folding takes time, and it may jump. */
  #aheadMs = 0;
  #epoch = 0;
  /** Number of the claim under way: an answer to an earlier one is void. */
  #claimNumber = 0;
  #isRunScheduled = false;
  #wakeNumber = 0;
  #lanes = new Map<number, Append[]>();
  readonly #queries = new Map<number, (answer: Answer) => void>();
  readonly #fuse: Fuse;

  constructor(world: World, life: Life, shard: number, number: number) {
    this.#world = world;
    this.#life = life;
    this.shard = shard;
    this.name = `host${life.hostId}.${number}/shard${shard}`;
    this.#plant = makePlant(world.plantName);
    this.#fuse = new Fuse(world.node, life, shard);
    this.#machine = new Shard({
      shard,
      shardCount: world.shardCount,
      registry: this.#fuse.registry,
      limits: world.limits,
      witness: this.#fuse,
    });
  }

  begin(death: HostDeath | null): void {
    this.#input((machine) => machine.begin(death));
  }

  get #nowMs(): number {
    return this.#world.agenda.nowMs + this.#aheadMs;
  }

  /** The host's monotonic clock jumps; what it has set a time for is due by the new one. */
  jumpAhead(jumpMs: number): void {
    this.#aheadMs += jumpMs;
    if (this.isAlive) this.#scheduleRun();
  }

  /** Queries not answered yet. */
  get openQueries(): number {
    return this.#queries.size;
  }

  /** The thread dies: nothing of it is performed or answered any more. */
  crash(): void {
    this.isAlive = false;
    this.#queries.clear();
  }

  /** An orderly stop. */
  stop(): void {
    if (!this.isAlive) return;
    this.#world.trace(`${this.name} is stopped`);
    this.#machine.stop();
    this.#perform();
    this.crash();
    this.#life.drivers = this.#life.drivers.filter((driver) => driver !== this);
  }

  query(query: ShardQuery, answered: (answer: Answer) => void): void {
    this.#queries.set(query.queryId, answered);
    this.#input((machine) => machine.query(query));
  }

  hurry(): void {
    this.#input((machine) => machine.hurry());
  }

  /** New frames are in the log. */
  wakeReader(): void {
    const reader = this.#reader;
    if (reader === null || reader.isReading) return;
    reader.isReading = true;
    this.#world.agenda.after(this.#world.network.legMs(), () => this.#read(reader));
  }

  /** Gives the shard something, then does what it asks for. */
  #input(give: (machine: Shard) => void): void {
    if (!this.isAlive) return;
    this.#guarded(() => give(this.#machine));
    this.#perform();
    this.#scheduleRun();
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

  #scheduleRun(): void {
    if (this.#isRunScheduled) return;
    this.#isRunScheduled = true;
    this.#world.agenda.after(this.#world.network.legMs() / 4, () => {
      this.#isRunScheduled = false;
      if (this.isAlive) this.#run();
    });
  }

  #run(): void {
    const { prng } = this.#world;
    const clock = () => {
      this.#aheadMs += prng.next() / 10;
      return this.#nowMs;
    };
    const more = this.#guarded(() =>
      this.#fuse.guard(() => this.#machine.run(clock, prng.pick([0, 0.2, 5])))
    );
    const { fall } = this.#fuse;
    if (fall !== null) {
      this.#world.node.fell(this.#life, this, fall);
      return;
    }
    this.#perform();
    if (more) this.#scheduleRun();
    else this.#scheduleWake();
  }

  #scheduleWake(): void {
    const number = ++this.#wakeNumber;
    const wakeMs = this.#machine.wakeAtMs(this.#nowMs);
    if (wakeMs === null) return;
    check(
      "spin",
      wakeMs > this.#nowMs,
      () => `${this.name} had nothing to do at ${this.#nowMs} and yet wants to be woken at ${wakeMs}`,
    );
    this.#world.agenda.after(wakeMs - this.#nowMs, () => {
      if (this.isAlive && number === this.#wakeNumber && !this.#isRunScheduled) this.#run();
    });
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
        this.#claim(++this.#claimNumber, action.death);
        return;
      case "subscribe":
        this.#subscribe(action.epoch, action.from);
        return;
      case "grant":
        if (this.#reader !== null) this.#reader.creditBytes += action.bytes;
        this.wakeReader();
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
        this.#append(action);
        return;
      case "request":
        throw new OracleError("refused", `${this.name} asks a service: no program does`);
      case "tick":
        this.#ask(action.epoch, "ticks", () => this.#world.append(this.shard, action.text), () => {});
        return;
      case "folded":
      case "published":
        return;
      case "trim":
        this.#world.network.request({
          from: this,
          label: `trims below ${action.below}`,
          effect: () => this.#world.log.trim(this.shard, action.below),
          settle: () => {},
        });
        return;
      case "answer":
        this.#queries.get(action.queryId)?.(action.answer);
        this.#queries.delete(action.queryId);
        return;
      case "refuse":
        throw new OracleError("refused", `${this.name} refused: ${action.sentence}`);
      default:
        action satisfies never;
    }
  }

  #claim(number: number, death: HostDeath | null): void {
    // Fenced by the shard's new owner: this host has to let go.
    if (!this.#world.node.isAssigned(this)) {
      this.stop();
      return;
    }
    this.#lanes = new Map();
    this.#reader = null;
    this.#world.network.request<Claim>({
      from: this,
      label: death === null ? "claims" : `claims and tells of a death under ${death.epoch}`,
      effect: () => this.#world.claim(this.shard, this.name, death),
      settle: (outcome) => {
        if (number !== this.#claimNumber) return;
        if (outcome.type !== "answered") {
          this.#claim(++this.#claimNumber, death);
          return;
        }
        this.#epoch = outcome.value.epoch;
        this.#world.node.claimed(this.shard, this.#epoch);
        this.#input((machine) => machine.started(outcome.value, this.#nowMs));
      },
    });
  }

  /** A request that is made again, under the same epoch, until it is answered. */
  #ask<T>(epoch: number, label: string, effect: () => T, give: (machine: Shard, value: T) => void): void {
    this.#world.network.request<T>({
      from: this,
      label: `${label} (epoch ${epoch})`,
      effect,
      settle: (outcome) => {
        if (outcome.type === "answered") this.#input((machine) => give(machine, outcome.value));
        else if (epoch === this.#epoch) this.#ask(epoch, label, effect, give);
      },
    });
  }

  #commit(checkpoint: Checkpoint): void {
    const { epoch, commit, positions } = checkpoint;
    this.#world.network.request<CommitResult>({
      from: this,
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

  #append(append: Append): void {
    const lane = this.#lanes.get(append.target) ?? [];
    this.#lanes.set(append.target, lane);
    lane.push(append);
    if (lane.length === 1) this.#sendFirst(lane);
  }

  #sendFirst(lane: Append[]): void {
    const append = lane[0];
    if (append === undefined) return;
    const { epoch, target, n, text } = append;
    this.#world.network.request({
      from: this,
      label: `appends its ${n} to shard${target} (epoch ${epoch})`,
      effect: () => this.#world.append(target, text),
      mayRepeat: true,
      settle: (outcome) => {
        if (this.#lanes.get(target) !== lane) return;
        const isAnswered = outcome.type === "answered";
        if (isAnswered) lane.shift();
        this.#sendFirst(lane);
        if (isAnswered) this.#input((machine) => machine.appended(epoch, target, n, this.#nowMs));
      },
    });
  }

  #subscribe(epoch: number, from: number): void {
    const { begin, end } = this.#world.log.extent(this.shard);
    if (from < begin || from > end) {
      // Another owner has claimed and trimmed while the answer to this one's claim was on its way.
      if (this.#world.auditor.isPast(this.shard, epoch)) {
        this.#world.agenda.after(
          this.#world.network.legMs(),
          () => this.#input((machine) => machine.begin()),
        );
        return;
      }
      throw new OracleError(
        "positions",
        `${this.name} reads from ${from}, its log holds ${begin} to ${end}`,
      );
    }
    this.#reader = { epoch, next: from, creditBytes: 0, arrivesMs: 0, isReading: false };
  }

  #read(reader: Reader): void {
    reader.isReading = false;
    const { agenda, log, prng, network } = this.#world;
    if (this.#reader !== reader || !this.isAlive || reader.creditBytes <= 0) return;
    // A zombie may be behind what the new owner has trimmed away; a real log ends its subscription.
    if (reader.next < log.extent(this.shard).begin) return;
    const frames = log.read(this.shard, reader.next, reader.creditBytes)
      .slice(0, prng.range(1, mostFramesPerBatch));
    if (frames.length === 0) return;
    reader.next += frames.length;
    for (const { text } of frames) reader.creditBytes -= text.length;
    reader.arrivesMs = Math.max(reader.arrivesMs, agenda.nowMs + network.legMs());
    agenda.after(reader.arrivesMs - agenda.nowMs, () => this.#deliver(reader.epoch, frames));
    this.wakeReader();
  }

  #deliver(epoch: number, frames: readonly LogFrame[]): void {
    if (!this.isAlive) return;
    this.#world.trace(`${this.name} gets ${frames[0]?.offset}..${frames.at(-1)?.offset} (epoch ${epoch})`);
    const passed = this.#plant.frames(frames);
    this.#input((machine) => machine.deliver(epoch, passed, this.#nowMs));
  }
}
