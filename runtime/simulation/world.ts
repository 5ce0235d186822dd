/**
 * A cluster in one thread: hosts, gateway, clients, log, store and the faults between them, under one seed.
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
import type { Answer, ShardQuery } from "../core/shard_api.ts";
import { MemoryLogCore } from "../log/memory_log_core.ts";
import { MemoryStoreCore } from "../store/memory_store_core.ts";
import { Agenda } from "./agenda.ts";
import { Auditor } from "./auditor.ts";
import { Client } from "./client.ts";
import { drawFaults, drawLimits, type FaultKind, withoutFaults } from "./faults.ts";
import { frameText } from "./frame_text.ts";
import { type BodyAnswer, Gateway } from "./gateway.ts";
import type { Driver } from "./host.ts";
import { DiskFull, Network } from "./network.ts";
import { Node } from "./node.ts";
import { check } from "./oracle_error.ts";
import { makePlant, type Plant, type PlantName } from "./plants.ts";
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

export class World {
  readonly agenda = new Agenda();
  readonly prng: Prng;
  readonly limits: ShardLimits;
  readonly shardCount: number;
  readonly plantName: PlantName | null;
  /** That of the store and the node; shards have their own. */
  readonly plant: Plant;
  readonly network: Network;
  readonly node: Node;
  readonly log: MemoryLogCore;
  readonly store: MemoryStoreCore;
  readonly auditor: Auditor;
  /** Actors in one part of a body at most. */
  readonly partActors: number;
  gateway: Gateway;
  /** Clients begin nothing new, nothing goes wrong any more. */
  isDraining = false;
  readonly #trace: Trace;
  readonly #workload: Workload;
  readonly #clients: readonly Client[];
  /** The last epoch that the store gave out, per shard. */
  readonly #epochs: number[];
  #gatewayCount = 1;
  #clockAheadMs = 0;
  #lastStampMs = 0;
  #queryCount = 0;
  #openQueries = 0;
  /** There is no room for frames, and for checkpoints, before these times. */
  #logFullUntilMs = 0;
  #storeFullUntilMs = 0;

  constructor({ seed, plant, without, trace }: WorldOptions) {
    const prng = new Prng(seed);
    this.prng = prng;
    this.#trace = trace;
    this.plantName = plant;
    this.plant = makePlant(plant);
    this.limits = drawLimits(prng);
    this.network = new Network(this.agenda, prng, trace, withoutFaults(drawFaults(prng), without));
    this.shardCount = prng.range(2, 4);
    this.#epochs = Array.from({ length: this.shardCount }, () => 0);
    this.partActors = prng.pick([1, 2, 100]);
    this.log = new MemoryLogCore(this.shardCount);
    this.store = new MemoryStoreCore(this.shardCount, () => this.agenda.nowMs);
    this.auditor = new Auditor(this.shardCount, this.limits, this.store);
    this.gateway = new Gateway(this, this.#gatewayCount);
    this.#workload = new Workload(prng, this.network.faults.killChance);
    this.#clients = Array.from(
      { length: prng.range(2, 5) },
      (_, index) => new Client(this, this.#workload, `client${index}`),
    );
    this.node = new Node(this);
    this.node.start();
    this.#scheduleDisturbances();
  }

  trace(line: string): void {
    this.#trace.add(this.agenda.nowMs, line);
  }

  #checkRoom(fullUntilMs: number): void {
    if (this.agenda.nowMs < fullUntilMs && !this.isDraining) throw new DiskFull();
  }

  claim(shard: number, owner: string, death: HostDeath | null): Claim {
    this.#checkRoom(this.#storeFullUntilMs);
    const claim = this.store.claimNow(shard, owner, death);
    this.#epochs[shard] = claim.epoch;
    this.auditor.claimed(claim, owner);
    this.node.auditor.claimed(shard, claim.epoch, death);
    return claim;
  }

  commit(checkpoint: Checkpoint): CommitResult {
    this.#checkRoom(this.#storeFullUntilMs);
    const [result] = this.store.commitNow([
      this.plant.stored(checkpoint, this.#epochs[checkpoint.shard]!),
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
    for (const driver of this.node.drivers) if (driver.shard === shard) driver.wakeReader();
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

  #scheduleDisturbances(): void {
    const { node } = this;
    const { faults } = this.network;
    const { gatewayCrashMs, moveMs, clockJumpMs, hostJumpMs, jumpMs, fullMs, replayMs } = faults;
    this.#repeat(faults.hostCrashMs, () => node.crashHost(node.anyHost()));
    this.#repeat(faults.turnDeathMs, () => node.doomHost(node.anyHost()));
    this.#repeat(faults.hangMs, () => node.hangHost(node.anyHost()));
    this.#repeat(faults.spareDeathMs, () => node.killSpare());
    this.#repeat(faults.processDeathMs, () => this.crashProcess());
    this.#repeat(gatewayCrashMs, () => this.#crashGateway());
    this.#repeat(moveMs, () => node.moveShard(this.prng.int(this.shardCount)));
    this.#repeat(hostJumpMs, () => node.jumpClock(node.anyHost(), this.prng.range(1, jumpMs)));
    this.#repeat(clockJumpMs, () => {
      this.#clockAheadMs += this.prng.range(1, jumpMs);
    });
    this.#repeat(fullMs, () => this.#fillDisk());
    this.#repeat(replayMs, () => this.#replaySomething());
    this.#repeat(15, () => this.#askSomething());
  }

  #repeat(meanMs: number | null, disturb: () => void): void {
    if (meanMs === null) return;
    this.agenda.after(2 * meanMs * this.prng.next(), () => {
      if (this.isDraining) return;
      disturb();
      this.#repeat(meanMs, disturb);
    });
  }

  /** The host of a shard dies: what was asked there is not answered. */
  crash(driver: Driver): void {
    this.#openQueries -= driver.openQueries;
    driver.crash();
  }

  #crashGateway(): void {
    if (!this.node.isUp) return;
    this.gateway.isAlive = false;
    this.gateway = new Gateway(this, ++this.#gatewayCount);
    this.trace(`the gateway crashes, ${this.gateway.name} starts`);
  }

  /** All hosts and the gateway die; another process starts after a while. */
  crashProcess(): void {
    if (!this.node.isUp) return;
    this.trace("the process dies");
    this.#endProcess();
    this.agenda.after(this.prng.next() * 100, () => this.#startProcess());
  }

  #endProcess(): void {
    this.gateway.isAlive = false;
    this.node.end();
  }

  #startProcess(): void {
    this.gateway = new Gateway(this, ++this.#gatewayCount);
    this.trace(`a process starts, with ${this.gateway.name}`);
    this.node.start();
  }

  #fillDisk(): void {
    const { fullForMs } = this.network.faults;
    const untilMs = this.agenda.nowMs + 2 * fullForMs * this.prng.next();
    const full = this.prng.pick(["log", "store"]);
    this.trace(`the disk of the ${full} is full until ${untilMs}`);
    if (full === "log") this.#logFullUntilMs = untilMs;
    else this.#storeFullUntilMs = untilMs;
  }

  /** Replays a dead letter; often one of which a replay is under way. */
  #replaySomething(): void {
    const { items } = this.store.deadLettersNow({ after: null, limit: 10 });
    const dead = items.filter(({ replays, replayedAtMs }) => replayedAtMs === null && replays < maxReplays);
    if (dead.length === 0) return;
    const letter = this.prng.pick(dead);
    this.trace(`the dead letter ${letter.id} is replayed for the ${letter.replays + 1}. time`);
    if (this.gateway.isAlive) this.gateway.replay(letter);
  }

  #askSomething(): void {
    const { kind, id } = this.#workload.address();
    if (this.prng.chance(0.2)) this.#flush(this.prng.int(this.shardCount));
    else this.#askActor(kind, id);
  }

  /** A strict query to the owner: it must reflect all that is in the log by now. */
  #askActor(kind: string, id: string): void {
    const shard = shardOf(id, this.shardCount);
    const folded = this.log.extent(shard).end;
    const request = { type: "ask", kind, id, query: "state", arguments: {} } as const;
    this.#ask(shard, folded, request, (answer) => this.auditor.answered(shard, { kind, id }, folded, answer));
  }

  /** A barrier to the owner: once answered, all that is in the log by now is in the store. */
  #flush(shard: number): void {
    const folded = this.log.extent(shard).end;
    this.node.owner(shard)?.hurry();
    this.#ask(shard, folded, { type: "barrier" }, (answer) => this.auditor.flushed(shard, folded, answer));
  }

  #ask(shard: number, folded: number, request: ShardQuery["request"], check: (answer: Answer) => void): void {
    const owner = this.node.owner(shard);
    if (owner === undefined) return;
    const queryId = ++this.#queryCount;
    this.#openQueries++;
    this.trace(`query ${queryId} to ${owner.name} at ${folded}: ${JSON.stringify(request)}`);
    owner.query({ queryId, folded, request }, (answer) => {
      this.#openQueries--;
      check(answer);
    });
  }

  /** Ends all faults and new work. What is under way goes on. */
  drain(): void {
    this.trace("drain");
    this.isDraining = true;
    this.network.calm();
  }

  /** What has still to happen, as sentences. */
  unfinished(): readonly string[] {
    const sentences = Array.from({ length: this.shardCount }, (_, shard) => this.auditor.unfinished(shard))
      .filter((sentence) => sentence !== null);
    sentences.push(...this.node.unfinished());
    if (this.#openQueries > 0) sentences.push(`${this.#openQueries} queries wait for an answer`);
    for (const client of this.#clients) if (!client.isIdle) sentences.push(client.waitsFor);
    return sentences;
  }

  /** Asks for every actor. */
  askAll(): void {
    for (const model of this.auditor.models) {
      for (const { address } of model.actors.values()) this.#askActor(address.kind, address.id);
    }
  }

  /** Starts the process anew, so that all that counts is what the store has. */
  restartAll(): void {
    this.trace("the process is started anew");
    this.#endProcess();
    this.#startProcess();
  }
}
