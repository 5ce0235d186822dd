/**
 * A simulated node: processes, one after another, each with its hosts, its gateway, and its place in the group.
 *
 * 1. A node that belongs to no group has all shards, from the start of a process to its end. Any other has what it
 *    heard of the last agreement, and nothing before.
 * 2. What a process believes (its shards, whose the others are) dies with it.
 */

import type { Answer, ShardQuery } from "../core/shard_api.ts";
import type { Driver } from "./driver.ts";
import { Gateway } from "./gateway.ts";
import { Hosts } from "./hosts.ts";
import { drawHabits, type HostHabits } from "./life.ts";
import { type MemberHabits, type MemberOwner, Membership } from "./membership.ts";
import { Process } from "./process.ts";
import type { World } from "./world.ts";

/** Before a node asks whose the shards are. */
const tablePauseMs = 5;

/** One life of a node. */
export class NodeLife implements MemberOwner {
  readonly process: Process;
  readonly hosts: Hosts;
  readonly membership: Membership | null;
  gateway: Gateway;
  #table: readonly (string | null)[] = [];
  /** Who waits for a fresh table. */
  #refreshing: (() => void)[] = [];
  #own: readonly number[] = [];
  #generation = 0;
  readonly #world: World;

  constructor(world: World, node: Node, home: Process) {
    this.#world = world;
    this.process = home;
    const { coordinator } = world.cluster;
    this.membership = coordinator === null
      ? null
      : new Membership(home, this, coordinator, world.network, world.prng, node.memberHabits);
    this.hosts = new Hosts(world, home, this.membership, node.hostHabits, () => node.crash());
    this.gateway = this.#newGateway();
  }

  begin(): void {
    this.hosts.start();
    if (this.membership === null) {
      this.agreed(1, Array.from({ length: this.#world.shardCount }, (_, shard) => shard));
    } else this.membership.begin();
  }

  get own(): readonly number[] {
    return this.#own;
  }

  /** That of the last agreement it was told of. */
  get generation(): number {
    return this.#generation;
  }

  agreed(generation: number, own: readonly number[]): void {
    this.#world.trace(`${this.process.name} hears that it has [${own.join(" ")}] (generation ${generation})`);
    this.#generation = generation;
    this.#own = own;
    this.hosts.own(own);
  }

  /** Whose the shards are, as it was told last; by the names of processes. */
  get table(): readonly (string | null)[] {
    return this.#table;
  }

  /** Asks for the table anew, once for all who want that within a while. */
  refreshTable(then: () => void): void {
    this.#refreshing.push(then);
    if (this.#refreshing.length > 1) return;
    const refreshed = (owners: readonly (string | null)[]) => {
      this.#table = owners;
      for (const waiting of this.#refreshing.splice(0)) waiting();
    };
    this.process.after(tablePauseMs, () => {
      if (this.membership === null) refreshed([]);
      else this.membership.table(refreshed);
    });
  }

  /** Answers what was asked of this node, if the shard is its own as far as it knows. */
  answer(shard: number, request: ShardQuery["request"], answered: (answer: Answer) => void): void {
    if (!this.own.includes(shard)) return answered({ type: "moved" });
    const driver = this.hosts.owner(shard);
    if (request.type === "barrier") driver?.hurry();
    driver?.query(request, answered);
  }

  #newGateway(): Gateway {
    return new Gateway(this.#world, this.process, this.#world.cluster.nextGatewayNumber());
  }

  crashGateway(): void {
    this.gateway.isAlive = false;
    this.gateway = this.#newGateway();
    this.#world.trace(`a gateway crashes, ${this.gateway.name} starts`);
  }

  end(): void {
    this.gateway.isAlive = false;
    this.process.end();
    this.hosts.end();
  }
}

/** Whoever starts a process again takes so long at most. */
const restartMs = 60;

export class Node {
  readonly slot: number;
  readonly hostHabits: HostHabits;
  readonly memberHabits: MemberHabits;
  /** Null while no process runs. */
  life: NodeLife | null = null;
  readonly #world: World;
  #lifeCount = 0;
  /** Names of processes that have died, and that nobody was told of. */
  #dead: string[] = [];

  constructor(world: World, slot: number) {
    const { prng } = world;
    this.#world = world;
    this.slot = slot;
    this.hostHabits = drawHabits(prng);
    const beatMs = prng.pick([3, 6, 12]);
    this.memberHabits = { beatMs, restMs: beatMs, keepsWhenOut: prng.chance(0.5) };
  }

  get drivers(): readonly Driver[] {
    return this.life?.hosts.drivers ?? [];
  }

  start(): void {
    if (this.life !== null) return;
    const started = new Process(this.#world.agenda, this.slot, `node${this.slot}.${++this.#lifeCount}`);
    this.life = new NodeLife(this.#world, this, started);
    this.#world.trace(`${started.name} starts, with ${this.life.gateway.name}`);
    this.#evictDead(this.life);
    this.life.begin();
  }

  /** The process dies; another one starts after a while. */
  crash(): void {
    if (this.life === null) return;
    const { agenda, prng } = this.#world;
    this.#world.trace(`${this.life.process.name}: the process dies`);
    this.end();
    agenda.after(prng.next() * restartMs, () => this.start());
  }

  /** The process ends; whether whoever starts it tells a living node is chance. */
  end(): void {
    const { life } = this;
    if (life === null) return;
    this.life = null;
    life.end();
    const { prng, cluster, network, isDraining } = this.#world;
    if (!isDraining && !prng.chance(network.faults.evictionShare)) return;
    this.#dead.push(life.process.name);
    const other = cluster.anyLife();
    if (other !== null && prng.chance(0.5)) this.#evictDead(other);
  }

  #evictDead({ membership }: NodeLife): void {
    for (const name of this.#dead.splice(0)) membership?.evict(name);
  }

  /** An orderly end: it saves, gives its shards up, leaves the group, and ends. */
  stop(): void {
    const { life } = this;
    if (life === null || life.process.isPaused) return;
    const { agenda, prng } = this.#world;
    this.#world.trace(`${life.process.name} is to stop`);
    for (const driver of life.hosts.drivers) driver.hurry();
    life.process.after(prng.next() * 30, () => {
      life.agreed(life.generation, []);
      life.membership?.leave();
      life.process.after(prng.next() * 5, () => {
        this.#world.trace(`${life.process.name} has stopped`);
        this.life = null;
        life.end();
        agenda.after(prng.next() * restartMs, () => this.start());
      });
    });
  }

  /** What keeps it from being at rest, as sentences. */
  unfinished(): readonly string[] {
    if (this.life === null) return [`node ${this.slot} has no process`];
    return this.life.hosts.unfinished();
  }
}
