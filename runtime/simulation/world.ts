/**
 * A cluster in one thread: nodes, clients, log, store and the faults between them, under one seed.
 *
 * 1. Everything that happens is an event of one agenda, and every choice is drawn from one generator: a seed and a
 *    number of steps name a run completely.
 * 2. Every effect on log and store passes through here, to the auditor.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Checkpoint, Claim, CommitResult } from "../core/checkpoint.ts";
import { decodeFrame } from "../core/frame.ts";
import type { ShardLimits } from "../core/limits.ts";
import { shardOf } from "../core/murmur2.ts";
import { MemoryLogCore } from "../log/memory_log_core.ts";
import { MemoryStoreCore } from "../store/memory_store_core.ts";
import { StoreError } from "../store/port.ts";
import { Agenda } from "./agenda.ts";
import { Asking } from "./asking.ts";
import { Auditor } from "./auditor.ts";
import { Casualties } from "./casualties.ts";
import { Client } from "./client.ts";
import { Cluster } from "./cluster.ts";
import { Disturbances } from "./disturbances.ts";
import { drawFaults, drawLimits, type FaultKind, withoutFaults } from "./faults.ts";
import { frameText } from "./frame_text.ts";
import type { BodyAnswer } from "./gateway.ts";
import { HostAuditor } from "./host_auditor.ts";
import { DiskFull, Network } from "./network.ts";
import { check } from "./oracle_error.ts";
import type { Plant } from "./plant.ts";
import { makePlant, type PlantName } from "./plants.ts";
import { Prng } from "./prng.ts";
import type { Trace } from "./trace.ts";
import { Workload } from "./workload.ts";

/** When the simulated logs' clocks begin: some day of 2023, so that log time does not look like virtual time. */
const firstStampMs = 1_700_000_000_000;

const maxReplays = 3;

export interface WorldOptions {
  readonly seed: number;
  readonly plant: PlantName | null;
  readonly without: readonly FaultKind[];
  readonly trace: Trace;
}

export interface NewClaim {
  readonly shard: number;
  /** Who claims, as the shard's row names it. */
  readonly owner: string;
  /** The name of its process. */
  readonly claimer: string;
  readonly death: HostDeath | null;
  /** Null: whatever the epoch is. */
  readonly after: number | null;
}

export class World {
  readonly agenda = new Agenda();
  readonly prng: Prng;
  readonly limits: ShardLimits;
  readonly shardCount: number;
  readonly plantName: PlantName | null;
  /** That of the store and the supervisors; shards have their own. */
  readonly plant: Plant;
  readonly network: Network;
  readonly cluster: Cluster;
  readonly log: MemoryLogCore;
  readonly store: MemoryStoreCore;
  readonly auditor: Auditor;
  readonly hostAuditor = new HostAuditor();
  readonly casualties = new Casualties();
  /** Actors in one part of a body at most. */
  readonly partActors: number;
  /** Clients begin nothing new, nothing goes wrong any more. */
  isDraining = false;
  readonly #trace: Trace;
  readonly #workload: Workload;
  readonly #clients: readonly Client[];
  readonly #asking: Asking;
  #clockAheadMs = 0;
  #lastStampMs = 0;
  /** There is no room for frames, and for checkpoints, before these times. */
  #logFullUntilMs = 0;
  #storeFullUntilMs = 0;

  constructor({ seed, plant, without, trace }: WorldOptions) {
    const prng = new Prng(seed);
    this.prng = prng;
    this.#trace = trace;
    this.plantName = plant;
    this.plant = makePlant(plant, new Map());
    this.limits = drawLimits(prng);
    this.network = new Network(this.agenda, prng, trace, withoutFaults(drawFaults(prng), without));
    this.shardCount = prng.range(2, 4);
    this.partActors = prng.pick([1, 2, 100]);
    this.log = new MemoryLogCore(this.shardCount);
    this.store = new MemoryStoreCore(this.shardCount, () => this.agenda.nowMs);
    this.auditor = new Auditor(this.shardCount, this.limits, this.store);
    this.#workload = new Workload(prng, this.network.faults.killChance);
    this.#clients = Array.from(
      // What the nodes do among themselves takes steps, too: fewer clients leave it as much time.
      { length: this.network.faults.isGroup ? prng.range(1, 3) : prng.range(2, 5) },
      (_, index) => new Client(this, this.#workload, `client${index}`),
    );
    this.#asking = new Asking(this);
    this.cluster = new Cluster(this);
    this.cluster.start();
    new Disturbances(this).schedule();
  }

  trace(line: string): void {
    this.#trace.add(this.agenda.nowMs, line);
  }

  #checkRoom(fullUntilMs: number): void {
    if (this.agenda.nowMs < fullUntilMs && !this.isDraining) throw new DiskFull();
  }

  /** Of the shard's row. */
  epoch(shard: number): number {
    return this.store.epochNow(shard);
  }

  /** "raced": the epoch is another by now. */
  claim({ shard, owner, claimer, death, after }: NewClaim): Claim | "raced" {
    this.#checkRoom(this.#storeFullUntilMs);
    const claim = this.#claimUnlessRaced({ shard, owner, claimer, death, after });
    if (claim === "raced") return claim;
    this.auditor.claimed(claim, owner, after);
    this.hostAuditor.claimed(shard, claim.epoch, death);
    this.cluster.auditor.claimed(shard, claim.epoch, claimer);
    return claim;
  }

  #claimUnlessRaced({ shard, owner, death, after }: NewClaim): Claim | "raced" {
    try {
      return this.store.claimNow(shard, owner, death, after);
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || thrown.code !== "raced") throw thrown;
      this.trace(`${owner} is raced: the epoch is ${this.epoch(shard)}`);
      return "raced";
    }
  }

  commit(checkpoint: Checkpoint): CommitResult {
    this.#checkRoom(this.#storeFullUntilMs);
    const [result] = this.store.commitNow([
      this.plant.stored(checkpoint, this.epoch(checkpoint.shard)),
    ]);
    check("one-owner", result !== undefined, () => "The store answered nothing to a commit");
    this.trace(`commit ${checkpoint.commit} of shard${checkpoint.shard}: ${result}`);
    this.auditor.committed(checkpoint, result);
    return result;
  }

  append(shard: number, text: string): void {
    this.#checkRoom(this.#logFullUntilMs);
    const [receipt] = this.log.appendNow([{ shard, text }], this.#stampMs());
    check("order", receipt !== undefined, () => "The log answered nothing to an append");
    this.trace(`shard${shard}'s log, ${receipt.offset}, ${receipt.stampMs}: ${frameText(text)}`);
    const [frame] = this.log.read(shard, receipt.offset, 1);
    check(
      "order",
      frame?.text === text,
      () => `Frame ${receipt.offset} of shard ${shard} is not what was appended`,
    );
    this.auditor.appended(frame);
    for (const driver of this.cluster.drivers) if (driver.shard === shard) driver.wakeReader();
  }

  /** Appends a gateway's frame, unless it is one whose number or key may be forgotten by now. */
  appendTimely(shard: number, text: string): BodyAnswer {
    if (this.auditor.models[shard]!.isTooLate(decodeFrame(text), this.#stampMs())) return "refused";
    this.append(shard, text);
    return "accepted";
  }

  /** The log's clock: it may jump ahead, never back. */
  #stampMs(): number {
    const nowMs = firstStampMs + Math.floor(this.agenda.nowMs + this.#clockAheadMs);
    return this.#lastStampMs = Math.max(this.#lastStampMs, nowMs);
  }

  jumpLogClock(jumpMs: number): void {
    this.#clockAheadMs += jumpMs;
  }

  fillDisk(disk: "log" | "store", durationMs: number): void {
    const untilMs = this.agenda.nowMs + durationMs;
    this.trace(`the disk of the ${disk} is full until ${untilMs}`);
    if (disk === "log") this.#logFullUntilMs = untilMs;
    else this.#storeFullUntilMs = untilMs;
  }

  /** Replays a dead letter; often one of which a replay is under way. */
  replaySomething(): void {
    const { items } = this.store.deadLettersNow({ after: null, limit: 10 });
    const dead = items.filter(({ replays, replayedAtMs }) => replayedAtMs === null && replays < maxReplays);
    if (dead.length === 0) return;
    const letter = this.prng.pick(dead);
    this.trace(`the dead letter ${letter.id} is replayed for the ${letter.replays + 1}. time`);
    const life = this.cluster.anyLife();
    life?.process.run(() => life.gateway.replay(letter));
  }

  askSomething(): void {
    const { kind, id } = this.#workload.address();
    if (this.prng.chance(0.2)) this.#flush(this.prng.int(this.shardCount));
    else this.#askActor(kind, id);
  }

  /** A strict query: it must reflect all that is in the log by now. */
  #askActor(kind: string, id: string): void {
    const shard = shardOf(id, this.shardCount);
    const { end } = this.log.extent(shard);
    const request = { type: "ask", kind, id, query: "state", arguments: {} } as const;
    this.#asking.ask(shard, request, (answer) => this.auditor.answered(shard, { kind, id }, end, answer));
  }

  /** A barrier: once answered, all that is in the log by now is in the store. */
  #flush(shard: number): void {
    const { end } = this.log.extent(shard);
    this.#asking.ask(shard, { type: "barrier" }, (answer) => this.auditor.flushed(shard, end, answer));
  }

  /** Ends all faults and new work. What is under way goes on. */
  drain(): void {
    this.trace("drain");
    this.isDraining = true;
    this.casualties.isOver = true;
    this.network.calm();
    this.cluster.calm();
  }

  /** What has still to happen, as sentences. */
  unfinished(): readonly string[] {
    const sentences = Array.from({ length: this.shardCount }, (_, shard) => this.auditor.unfinished(shard))
      .filter((sentence) => sentence !== null);
    sentences.push(...this.cluster.unfinished());
    const { open } = this.#asking;
    if (open > 0) sentences.push(`${open} queries wait for an answer`);
    for (const client of this.#clients) if (!client.isIdle) sentences.push(client.waitsFor);
    return sentences;
  }

  /** Asks for every actor. */
  askAll(): void {
    for (const model of this.auditor.models) {
      for (const { address } of model.actors.values()) this.#askActor(address.kind, address.id);
    }
  }

  /** Starts all nodes anew, so that all that counts is what the store has. */
  restartAll(): void {
    this.trace("all nodes are started anew");
    this.cluster.restartAll();
  }
}
