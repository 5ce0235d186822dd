/** What goes wrong by itself in a run, each kind again and again after times of chance, until the faults end. */

import type { Cut, Passage } from "./links.ts";
import { services } from "./links.ts";
import type { Hosts } from "./hosts.ts";
import type { World } from "./world.ts";

const passages: readonly Passage[] = ["open", "late", "lost"];

export class Disturbances {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  schedule(): void {
    const { cluster, prng, network: { faults } } = this.#world;
    const { jumpMs } = faults;
    const anyHost = (disturb: (hosts: Hosts, hostId: number) => void) => () => {
      const hosts = this.#awake()?.hosts;
      if (hosts !== undefined) disturb(hosts, hosts.anyHost());
    };
    this.#repeat(faults.hostCrashMs, anyHost((hosts, hostId) => hosts.crashHost(hostId)));
    this.#repeat(faults.turnDeathMs, anyHost((hosts, hostId) => hosts.doomHost(hostId)));
    this.#repeat(faults.hangMs, anyHost((hosts, hostId) => hosts.hangHost(hostId)));
    this.#repeat(
      faults.hostJumpMs,
      anyHost((hosts, hostId) => hosts.jumpClock(hostId, prng.range(1, jumpMs))),
    );
    this.#repeat(faults.spareDeathMs, () => this.#awake()?.hosts.killSpare());
    this.#repeat(faults.moveMs, () => this.#awake()?.hosts.moveShard(prng.int(this.#world.shardCount)));
    this.#repeat(faults.gatewayCrashMs, () => this.#awake()?.crashGateway());
    this.#repeat(faults.processDeathMs, () => cluster.anyNode().crash());
    this.#repeat(faults.stopMs, () => cluster.anyNode().stop());
    this.#repeat(faults.pauseMs, () => this.#pause());
    this.#repeat(faults.cutMs, () => this.#cut());
    this.#repeat(faults.reshuffleMs, () => cluster.coordinator?.reshuffle());
    this.#repeat(faults.evictionMs, () => this.#evict());
    this.#repeat(faults.clockJumpMs, () => this.#world.jumpLogClock(prng.range(1, jumpMs)));
    this.#repeat(faults.fullMs, () => this.#fillDisk());
    this.#repeat(faults.replayMs, () => this.#world.replaySomething());
    this.#repeat(15, () => this.#world.askSomething());
  }

  #repeat(meanMs: number | null, disturb: () => void): void {
    if (meanMs === null) return;
    const { agenda, prng } = this.#world;
    agenda.after(2 * meanMs * prng.next(), () => {
      if (this.#world.isDraining) return;
      disturb();
      this.#repeat(meanMs, disturb);
    });
  }

  /** A node in which something can go wrong by itself. */
  #awake() {
    const life = this.#world.cluster.anyLife();
    return life === null || life.process.isPaused ? null : life;
  }

  #duration(meanMs: number): number {
    return 2 * meanMs * this.#world.prng.next();
  }

  #pause(): void {
    const { agenda, network: { faults } } = this.#world;
    const paused = this.#awake()?.process;
    if (paused === undefined) return;
    const durationMs = this.#duration(faults.pausedForMs);
    this.#world.trace(`${paused.name} is paused for ${durationMs}`);
    paused.pause();
    agenda.after(durationMs, () => {
      if (!paused.isPaused) return;
      this.#world.trace(`${paused.name} goes on`);
      paused.resume();
    });
  }

  #cut(): void {
    const { agenda, prng, cluster, network: { faults, links } } = this.#world;
    const { slot } = cluster.anyNode();
    const untilMs = agenda.nowMs + this.#duration(faults.cutForMs);
    const cut: Cut = { there: prng.pick(passages), back: prng.pick(passages), untilMs };
    const only = prng.chance(0.5) ? prng.pick(services) : null;
    for (const service of services) {
      if (only !== null ? service !== only : prng.chance(0.4)) continue;
      this.#world.trace(
        `node${slot} and ${service} until ${untilMs}: there ${cut.there}, back ${cut.back}`,
      );
      links.cut(slot, service, cut);
    }
  }

  /** Somebody takes a node for dead, though it lives. */
  #evict(): void {
    const { cluster } = this.#world;
    const name = cluster.anyLife()?.process.name;
    if (name === undefined || cluster.coordinator === null) return;
    this.#world.trace(`${name} is evicted, though it lives`);
    cluster.coordinator.evict(name);
  }

  #fillDisk(): void {
    const { prng, network: { faults } } = this.#world;
    this.#world.fillDisk(prng.pick(["log", "store"]), this.#duration(faults.fullForMs));
  }
}
