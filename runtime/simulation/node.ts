/**
 * The simulated node: which host has which shard, and how hosts die, hang and come back.
 *
 * 1. The real `Supervision` decides which host is started again, and when. After it has given up the process dies.
 * 2. A host takes the warm spare, if there is one, and runs at once; else a thread has to start first.
 * 3. A death in a turn of a shard's owner is told to the shard's claims until one of them is answered, as by
 *    `host_handle.ts`. What is not told when the process dies is forgotten.
 * 4. Innocent turns meet `mostInnocentDeaths` deaths at most: so few bury nobody.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { BackoffPolicy, Intensity } from "../core/restart_policy.ts";
import { Supervision } from "../core/supervision.ts";
import type { SupervisionAction, SupervisionEvent } from "../core/supervision_api.ts";
import { HostAuditor, turnName } from "./host_auditor.ts";
import type { Fall } from "./fuse.ts";
import { Driver } from "./host.ts";
import type { KillTimes } from "./program.ts";
import type { World } from "./world.ts";

/** From the third on the store is told that the turn may be open, and then any claim counts. */
const mostInnocentDeaths = 2;

/** One thread of a host. */
export interface Life {
  readonly hostId: number;
  state: "starting" | "running" | "hung" | "dead";
  /** The next turn that may is its last. */
  isDoomed: boolean;
  /** Those that have lost their shard and do not know it yet included. */
  drivers: Driver[];
}

/** The turn in which a host died. */
interface InTurn {
  readonly driver: Driver;
  readonly death: HostDeath;
}

function childId(hostId: number): string {
  return `host-${hostId}`;
}

export class Node {
  readonly auditor: HostAuditor;
  readonly #world: World;
  readonly #hostCount: number;
  /** The host that owns each shard, by the cluster's own view. */
  readonly #assigned: number[];
  readonly #intensity: Intensity;
  readonly #backoff: BackoffPolicy;
  readonly #threadStartMs: number;
  /** By host; empty while the process is down. */
  #lives: Life[] = [];
  #supervision: Supervision | null = null;
  #wakeNumber = 0;
  #driverCount = 0;
  #spareWarmAtMs = 0;
  /** By shard, until it is claimed again. */
  #deaths = new Map<number, HostDeath>();
  /** How many hosts died in each turn, as `turnName` names it. */
  readonly #fallen = new Map<string, number>();

  constructor(world: World) {
    const { prng } = world;
    this.#world = world;
    this.#hostCount = prng.range(1, 3);
    this.#assigned = Array.from({ length: world.shardCount }, () => prng.int(this.#hostCount));
    this.#intensity = { restarts: prng.pick([1, 3, 10]), withinMs: prng.pick([50, 500, 5000]) };
    this.#backoff = {
      firstMs: prng.pick([0, 1, 10]),
      maxMs: prng.pick([10, 60]),
      jitter: prng.pick([0, 0.5, 1]),
      healthyMs: prng.pick([10, 200]),
    };
    this.#threadStartMs = prng.pick([5, 30, 80]);
    this.auditor = new HostAuditor(this.#intensity);
  }

  get isUp(): boolean {
    return this.#supervision !== null;
  }

  get drivers(): readonly Driver[] {
    return this.#lives.flatMap(({ drivers }) => drivers);
  }

  anyHost(): number {
    return this.#world.prng.int(this.#hostCount);
  }

  /** The newest driver of the shard on the host that it is assigned to, though it may hang. */
  owner(shard: number): Driver | undefined {
    return this.#lives[this.#assigned[shard]!]?.drivers.findLast((driver) => driver.shard === shard);
  }

  isAssigned(driver: Driver): boolean {
    return this.owner(driver.shard) === driver;
  }

  /** What the next claim of the shard has to tell. */
  deathOf(shard: number): HostDeath | null {
    return this.#deaths.get(shard) ?? null;
  }

  /** A claim was answered with this epoch. */
  claimed(shard: number, epoch: number): void {
    if (epoch > (this.#deaths.get(shard)?.epoch ?? Infinity)) this.#deaths.delete(shard);
  }

  /** What keeps it from being at rest, as sentences. */
  unfinished(): readonly string[] {
    if (!this.isUp) return ["the process is down"];
    return this.#lives.filter(({ state }) => state !== "running").map(({ hostId, state }) =>
      `host ${hostId} is ${state}`
    );
  }

  /** A process starts. */
  start(): void {
    const ids = Array.from({ length: this.#hostCount }, (_, hostId) => childId(hostId));
    this.auditor.processStarted();
    this.#spareWarmAtMs = this.#world.agenda.nowMs;
    this.#supervision = new Supervision({
      id: "hosts",
      strategy: "one_for_one",
      intensity: this.#world.plant.intensity(this.#intensity),
      backoff: this.#backoff,
      children: ids.map((id) => ({ id, restart: "permanent", startMs: Infinity, stopMs: Infinity })),
    });
    this.#tell({ type: "start" });
  }

  /** The process dies. */
  end(): void {
    this.#supervision = null;
    for (const life of this.#lives) this.#bury(life);
    this.#lives = [];
    this.#deaths = new Map();
  }

  #tell(event: SupervisionEvent): void {
    const supervision = this.#supervision;
    if (supervision === null) return;
    const { agenda, prng } = this.#world;
    for (const action of supervision.handle(event, agenda.nowMs, prng.next())) this.#obey(action);
    this.#scheduleWake(supervision);
  }

  #scheduleWake(supervision: Supervision): void {
    const { agenda } = this.#world;
    const number = ++this.#wakeNumber;
    if (supervision.wakeAtMs === null) return;
    // Up to the next whole millisecond: a difference of two times, added to one of them, may fall short of the other.
    agenda.after(Math.ceil(supervision.wakeAtMs - agenda.nowMs), () => {
      if (number === this.#wakeNumber && supervision === this.#supervision) this.#tell({ type: "wake" });
    });
  }

  #obey(action: SupervisionAction): void {
    if (action.type !== "startChild") return;
    const hostId = this.#hostIds().find((host) => childId(host) === action.id)!;
    this.#startLife(hostId);
    this.#tell({ type: "childStarted", id: action.id });
  }

  #hostIds(): readonly number[] {
    return Array.from({ length: this.#hostCount }, (_, hostId) => hostId);
  }

  #startLife(hostId: number): void {
    const { agenda, prng, isDraining } = this.#world;
    const life: Life = { hostId, state: "starting", isDoomed: false, drivers: [] };
    this.#lives[hostId] = life;
    if (isDraining || agenda.nowMs >= this.#spareWarmAtMs) {
      this.killSpare();
      this.#run(life);
    } else agenda.after(this.#threadStartMs * prng.next(), () => this.#run(life));
  }

  /** The spare is gone, and the next one not warm before a while. */
  killSpare(): void {
    this.#world.trace("there is no warm spare");
    this.#spareWarmAtMs = this.#world.agenda.nowMs + this.#threadStartMs;
  }

  #run(life: Life): void {
    if (life.state !== "starting") return;
    life.state = "running";
    this.#assigned.forEach((hostId, shard) => {
      if (hostId === life.hostId) this.#startDriver(life, shard);
    });
  }

  #startDriver(life: Life, shard: number): void {
    const driver = new Driver(this.#world, life, shard, ++this.#driverCount);
    this.#world.trace(`${driver.name} starts`);
    life.drivers = [...life.drivers, driver];
    driver.begin(this.deathOf(shard));
  }

  /** The old owner learns of it later, from a fence or by a word. */
  moveShard(shard: number): void {
    const { agenda, prng } = this.#world;
    const old = this.owner(shard);
    const hostId = this.anyHost();
    if (this.#assigned[shard] === hostId) return;
    this.#world.trace(`shard${shard} moves to host${hostId}`);
    this.#assigned[shard] = hostId;
    const life = this.#lives[hostId];
    if (life?.state === "running" && this.owner(shard) === undefined) this.#startDriver(life, shard);
    agenda.after(prng.next() * 100, () => {
      if (old !== undefined && !this.isAssigned(old)) old.stop();
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
    this.#world.trace(`the clock of host${hostId} jumps ahead by ${jumpMs}`);
    for (const driver of this.#lives[hostId]?.drivers ?? []) driver.jumpAhead(jumpMs);
  }

  /** Whether a host that was doomed dies in this turn. */
  diesIn(shard: number, death: HostDeath): boolean {
    return !this.#world.isDraining && this.kills(shard, death, mostInnocentDeaths);
  }

  /** Whether a turn that kills so often kills now. */
  kills(shard: number, death: HostDeath, times: KillTimes): boolean {
    return times === "always" || (this.#fallen.get(turnName(shard, death)) ?? 0) < times;
  }

  /** A host went down in a turn of this driver's. */
  fell(life: Life, driver: Driver, { death, isKiller }: Fall): void {
    const { shard, name } = driver;
    const turn = turnName(shard, death);
    this.#world.trace(`${name} goes down in the turn ${turn} (epoch ${death.epoch})`);
    this.#fallen.set(turn, (this.#fallen.get(turn) ?? 0) + 1);
    if (isKiller) this.auditor.killed(shard, death);
    const { prng, network: { faults } } = this.#world;
    if (prng.chance(faults.processShare)) this.#world.crashProcess();
    else if (prng.chance(faults.hangShare)) this.#hang(life, { driver, death });
    else this.#die(life, { driver, death });
  }

  /** Nobody knows it before the watchdog finds out. */
  #hang(life: Life, inTurn: InTurn | null): void {
    const { agenda, prng, network: { faults } } = this.#world;
    this.#world.trace(`host${life.hostId} hangs`);
    life.state = "hung";
    for (const driver of life.drivers) driver.isAlive = false;
    agenda.after(faults.watchdogMs * (1 + prng.next()), () => this.#die(life, inTurn));
  }

  #bury(life: Life): void {
    life.state = "dead";
    for (const driver of life.drivers) this.#world.crash(driver);
    life.drivers = [];
  }

  #die(life: Life, inTurn: InTurn | null): void {
    const supervision = this.#supervision;
    if (life.state === "dead" || supervision === null) return;
    const { hostId } = life;
    const { nowMs } = this.#world.agenda;
    this.#world.trace(`host${hostId} dies`);
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
    const gaveUp = supervision.snapshot().state !== "running";
    this.auditor.failed(nowMs, counts, gaveUp);
    if (!gaveUp) return;
    this.#world.trace("the hosts fail too often, and are given up");
    this.#world.crashProcess();
  }
}
