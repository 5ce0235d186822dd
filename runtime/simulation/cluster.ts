/**
 * The nodes of a run, and what they agree by.
 *
 * 1. Nodes that are no group have no coordinator; then there is one, and it has all shards.
 * 2. At rest all nodes have heard of the same agreement, and of each shard one host of one node is the owner: the one
 *    that the agreement names.
 */

import { ClusterAuditor } from "./cluster_auditor.ts";
import { Coordinator } from "./coordinator.ts";
import type { Driver } from "./driver.ts";
import { Node, type NodeLife } from "./node.ts";
import type { World } from "./world.ts";

const calmer = 20;

export class Cluster {
  readonly auditor: ClusterAuditor;
  readonly coordinator: Coordinator | null;
  readonly nodes: readonly Node[];
  readonly #world: World;
  #gatewayCount = 0;

  constructor(world: World) {
    const { agenda, prng, shardCount, network: { faults } } = world;
    this.#world = world;
    this.auditor = new ClusterAuditor(shardCount);
    // A sign of life comes every 20 ms, or so.
    const habits = {
      sessionMs: prng.pick([30, 60, 120]),
      rebalanceMs: prng.pick([40, 80, 150]),
      agreeMs: prng.pick([1, 5, 20]),
    };
    const agreed = (generation: number, owners: readonly (string | null)[]) => {
      world.trace(`generation ${generation} is agreed on: ${owners.join(" ")}`);
      this.auditor.agreed(owners);
    };
    this.coordinator = faults.isGroup ? new Coordinator(agenda, prng, shardCount, habits, agreed) : null;
    this.nodes = Array.from({ length: faults.nodes }, (_, slot) => new Node(world, slot));
  }

  start(): void {
    for (const node of this.nodes) node.start();
  }

  nextGatewayNumber(): number {
    return ++this.#gatewayCount;
  }

  get lives(): readonly NodeLife[] {
    return this.nodes.flatMap(({ life }) => life ?? []);
  }

  get drivers(): readonly Driver[] {
    return this.nodes.flatMap(({ drivers }) => drivers);
  }

  anyNode(): Node {
    return this.#world.prng.pick(this.nodes);
  }

  /** Null while no process runs. */
  anyLife(): NodeLife | null {
    const { lives } = this;
    return lives.length === 0 ? null : this.#world.prng.pick(lives);
  }

  /** That of a process, by its name; null when it has ended. */
  lifeOf(name: string): NodeLife | null {
    return this.lives.find((life) => life.process.name === name) ?? null;
  }

  /** Nothing is paused any more, and there is less to be heard: most of the rest would be signs of life. */
  calm(): void {
    this.coordinator?.calm(calmer);
    for (const { memberHabits } of this.nodes) memberHabits.restMs *= calmer;
    for (const life of this.lives) life.process.resume();
  }

  /** Ends all processes and starts others. */
  restartAll(): void {
    for (const node of this.nodes) node.end();
    this.start();
  }

  /** What keeps the cluster from being at rest, as sentences. */
  unfinished(): readonly string[] {
    const sentences = this.nodes.flatMap((node) => node.unfinished());
    const { coordinator } = this;
    if (coordinator === null) return sentences;
    if (!coordinator.isStable) return [...sentences, "the nodes have not agreed"];
    const late = this.lives.filter(({ generation }) => generation !== coordinator.generation);
    const names = late.map((life) =>
      `${life.process.name} has not heard of generation ${coordinator.generation}`
    );
    return [...sentences, ...names, ...this.#unowned(coordinator.owners())];
  }

  #unowned(owners: readonly (string | null)[]): readonly string[] {
    return owners.flatMap((owner, shard) => {
      const drivers = this.drivers.filter((driver) => driver.shard === shard);
      const isOwned = drivers.length === 1 && drivers[0]?.process.name === owner && drivers[0].epoch > 0;
      const names = drivers.map(({ name }) => name).join(", ");
      return isOwned ? [] : [`shard ${shard} is ${owner ?? "nobody"}'s, and [${names}] has it`];
    });
  }
}
