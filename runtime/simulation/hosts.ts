/**
 * The hosts of one process: which of them has which shard, and how they die, hang and come back.
 *
 * 1. The real `Supervision` decides which host is started again, and when. After it has given up the process dies.
 * 2. A host takes the warm spare, if there is one, and runs at once; else a thread has to start first.
 * 3. A shard that the node gains gets a fresh machine; one that it loses is stopped at once; one that it keeps is left
 *    alone.
 * 4. A death in a turn of a shard's owner is told to the shard's claims until one of them is answered, as by
 *    `host_handle.ts`. What is not told when the process dies is forgotten.
 */

import type { HostDeath } from "../core/attempts.ts";
import { Supervision } from "../core/supervision.ts";
import type { SupervisionAction, SupervisionEvent } from "../core/supervision_api.ts";
import { turnName } from "./host_auditor.ts";
import { Driver } from "./driver.ts";
import type { Fall } from "./fuse.ts";
import { type HostHabits, Life } from "./life.ts";
import type { Membership } from "./membership.ts";
import type { Process } from "./process.ts";
import { RestartAuditor } from "./restart_auditor.ts";
import type { World } from "./world.ts";

/** The turn in which a host died. */
interface InTurn {
  readonly driver: Driver;
  readonly death: HostDeath;
}

function childId(hostId: number): string {
  return `host-${hostId}`;
}

export class Hosts {
  readonly process: Process;
  readonly membership: Membership | null;
  readonly #world: World;
  readonly #habits: HostHabits;
  /** The process cannot go on without them. */
  readonly #giveUp: () => void;
  readonly #auditor: RestartAuditor;
  readonly #supervision: Supervision;
  /** The host of each of the node's shards. */
  readonly #assigned = new Map<number, number>();
  readonly #lives: Life[] = [];
  #wakeNumber = 0;
  #driverCount = 0;
  #spareWarmAtMs: number;
  /** By shard, until it is claimed again. */
  readonly #deaths = new Map<number, HostDeath>();

  constructor(
    world: World,
    home: Process,
    membership: Membership | null,
    habits: HostHabits,
    giveUp: () => void,
  ) {
    this.process = home;
    this.membership = membership;
    this.#world = world;
    this.#habits = habits;
    this.#giveUp = giveUp;
    this.#auditor = new RestartAuditor(habits.intensity);
    this.#spareWarmAtMs = world.agenda.nowMs;
    this.#supervision = new Supervision({
      id: "hosts",
      strategy: "one_for_one",
      intensity: world.plant.intensity(habits.intensity),
      backoff: habits.backoff,
      children: this.#hostIds().map((hostId) => ({
        id: childId(hostId),
        restart: "permanent",
        startMs: Infinity,
        stopMs: Infinity,
      })),
    });
  }

  start(): void {
    this.#tell({ type: "start" });
  }

  /** The process has died. */
  end(): void {
    for (const life of this.#lives) this.#bury(life);
  }

  get drivers(): readonly Driver[] {
    return this.#lives.flatMap(({ drivers }) => drivers);
  }

  #hostIds(): readonly number[] {
    return Array.from({ length: this.#habits.hostCount }, (_, hostId) => hostId);
  }

  anyHost(): number {
    return this.#world.prng.int(this.#habits.hostCount);
  }

  /** The newest driver of the shard on the host that it is assigned to, though it may hang. */
  owner(shard: number): Driver | undefined {
    const hostId = this.#assigned.get(shard);
    return hostId === undefined
      ? undefined
      : this.#lives[hostId]?.drivers.findLast((driver) => driver.shard === shard);
  }

  isAssigned(driver: Driver): boolean {
    return this.owner(driver.shard) === driver;
  }

  /** A claim was answered with this epoch. */
  claimed(shard: number, epoch: number): void {
    if (epoch > (this.#deaths.get(shard)?.epoch ?? Infinity)) this.#deaths.delete(shard);
  }

  /** From now on the node has these shards. */
  own(shards: readonly number[]): void {
    for (const shard of [...this.#assigned.keys()]) if (!shards.includes(shard)) this.#lose(shard);
    for (const shard of shards) if (!this.#assigned.has(shard)) this.#assign(shard, this.anyHost());
  }

  #lose(shard: number): void {
    this.#assigned.delete(shard);
    for (const driver of this.drivers) if (driver.shard === shard) driver.letGo();
  }

  #assign(shard: number, hostId: number): void {
    this.#assigned.set(shard, hostId);
    const life = this.#lives[hostId];
    if (life?.state === "running" && this.owner(shard) === undefined) this.#startDriver(life, shard);
  }

  /** What keeps them from being at rest, as sentences. */
  unfinished(): readonly string[] {
    return this.#lives.filter(({ state }) => state !== "running").map(({ hostId, state }) =>
      `host ${hostId} of ${this.process.name} is ${state}`
    );
  }

  #tell(event: SupervisionEvent): void {
    const { agenda, prng } = this.#world;
    for (const action of this.#supervision.handle(event, agenda.nowMs, prng.next())) this.#obey(action);
    this.#scheduleWake();
  }

  #scheduleWake(): void {
    const { agenda } = this.#world;
    const { wakeAtMs } = this.#supervision;
    const number = ++this.#wakeNumber;
    if (wakeAtMs === null) return;
    // Up to the next whole millisecond: a difference of two times, added to one of them, may fall short of the other.
    this.process.after(Math.ceil(wakeAtMs - agenda.nowMs), () => {
      if (number === this.#wakeNumber) this.#tell({ type: "wake" });
    });
  }

  #obey(action: SupervisionAction): void {
    if (action.type !== "startChild") return;
    const hostId = this.#hostIds().find((host) => childId(host) === action.id)!;
    this.#startLife(hostId);
    this.#tell({ type: "childStarted", id: action.id });
  }

  #startLife(hostId: number): void {
    const { agenda, prng, isDraining } = this.#world;
    const life = new Life(hostId);
    this.#lives[hostId] = life;
    if (isDraining || agenda.nowMs >= this.#spareWarmAtMs) {
      this.killSpare();
      this.#run(life);
    } else this.process.after(this.#habits.threadStartMs * prng.next(), () => this.#run(life));
  }

  /** The spare is gone, and the next one not warm before a while. */
  killSpare(): void {
    this.#world.trace(`${this.process.name}: there is no warm spare`);
    this.#spareWarmAtMs = this.#world.agenda.nowMs + this.#habits.threadStartMs;
  }

  #run(life: Life): void {
    if (life.state !== "starting") return;
    life.state = "running";
    this.#assigned.forEach((hostId, shard) => {
      if (hostId === life.hostId) this.#startDriver(life, shard);
    });
  }

  #startDriver(life: Life, shard: number): void {
    const driver = new Driver(this.#world, this, life, shard, ++this.#driverCount);
    this.#world.trace(`${driver.name} starts`);
    life.drivers = [...life.drivers, driver];
    driver.begin(this.#deaths.get(shard) ?? null);
  }

  /** The old owner learns of it later, from a fence or by a word. */
  moveShard(shard: number): void {
    const old = this.owner(shard);
    const hostId = this.anyHost();
    const from = this.#assigned.get(shard);
    if (from === undefined || from === hostId) return;
    this.#world.trace(`shard${shard} moves to host${hostId} of ${this.process.name}`);
    this.#assign(shard, hostId);
    this.process.after(this.#world.prng.next() * 100, () => {
      if (old !== undefined && !this.isAssigned(old)) old.letGo();
    });
  }

  crashHost(hostId: number): void {
    const life = this.#lives[hostId];
    if (life !== undefined) this.#die(life, null);
  }

  /** The host's next turn is its last. */
  doomHost(hostId: number): void {
    const life = this.#lives[hostId];
    if (life !== undefined) life.isDoomed = true;
  }

  hangHost(hostId: number): void {
    const life = this.#lives[hostId];
    if (life?.state === "running") this.#hang(life, null);
  }

  jumpClock(hostId: number, jumpMs: number): void {
    this.#world.trace(`the clock of host${hostId} of ${this.process.name} jumps ahead by ${jumpMs}`);
    for (const driver of this.#lives[hostId]?.drivers ?? []) driver.jumpAhead(jumpMs);
  }

  /** A host went down in a turn of this driver's. */
  fell(life: Life, driver: Driver, { death, isKiller }: Fall): void {
    const { shard, name } = driver;
    const { casualties, hostAuditor, prng, network: { faults } } = this.#world;
    this.#world.trace(`${name} goes down in the turn ${turnName(shard, death)} (epoch ${death.epoch})`);
    casualties.count(shard, death);
    if (isKiller) hostAuditor.killed(shard, death);
    if (prng.chance(faults.processShare)) this.#giveUp();
    else if (prng.chance(faults.hangShare)) this.#hang(life, { driver, death });
    else this.#die(life, { driver, death });
  }

  /** Nobody knows it before the watchdog finds out. */
  #hang(life: Life, inTurn: InTurn | null): void {
    const { prng, network: { faults } } = this.#world;
    this.#world.trace(`host${life.hostId} of ${this.process.name} hangs`);
    life.state = "hung";
    for (const driver of life.drivers) driver.isAlive = false;
    this.process.after(faults.watchdogMs * (1 + prng.next()), () => this.#die(life, inTurn));
  }

  #bury(life: Life): void {
    life.state = "dead";
    for (const driver of life.drivers) driver.crash();
    life.drivers = [];
  }

  #die(life: Life, inTurn: InTurn | null): void {
    if (life.state === "dead") return;
    const { hostId } = life;
    const { nowMs } = this.#world.agenda;
    this.#world.trace(`host${hostId} of ${this.process.name} dies`);
    if (inTurn !== null && this.isAssigned(inTurn.driver)) {
      this.#deaths.set(inTurn.driver.shard, inTurn.death);
    }
    this.#bury(life);
    const counts = inTurn === null;
    this.#tell({
      type: "childEnded",
      id: childId(hostId),
      end: { reason: "failed", sentence: "It died", counts },
    });
    const gaveUp = this.#supervision.snapshot().state !== "running";
    this.#auditor.failed(nowMs, counts, gaveUp);
    if (!gaveUp) return;
    this.#world.trace(`the hosts of ${this.process.name} fail too often, and are given up`);
    this.#giveUp();
  }
}
