/**
 * OTP's rules as plain procedures, after `supervisor.erl`: `start_children`, `add_restart`, `terminate_children`, and
 * trying again. Starts and stops take no time here; only the pauses before restarts do.
 */

export type Restart = "permanent" | "transient" | "temporary";
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

export type Tree = WorkerTree | SupervisorTree;

export interface WorkerTree {
  readonly kind: "worker";
  readonly id: string;
  readonly restart: Restart;
}

export interface SupervisorTree {
  readonly kind: "supervisor";
  readonly id: string;
  readonly restart: Restart;
  readonly strategy: Strategy;
  readonly intensity: { readonly restarts: number; readonly withinMs: number };
  readonly backoff: {
    readonly firstMs: number;
    readonly maxMs: number;
    readonly jitter: number;
    readonly healthyMs: number;
  };
  readonly children: readonly Tree[];
}

/** One course of things, told to the model and to the real supervisors alike. */
export interface World {
  readonly trace: readonly string[];
  start(): void;
  stop(): void;
  /** Restarts whatever is due until then. */
  advance(durationMs: number): void;
  /** Every child that there is, with its supervisor, in the order of the tree. */
  children(): readonly ChildOf[];
  supervisors(): readonly string[];
  endWorker(place: ChildOf, reason: "normal" | "failed", counts: boolean): void;
  add(supervisor: string, worker: WorkerTree): void;
  remove(place: ChildOf): void;
}

export interface ChildOf {
  readonly supervisor: string;
  readonly id: string;
  readonly state: "up" | "waiting" | "down";
  readonly kind: "worker" | "supervisor";
}

/** The same for both worlds: the failure of a child at a time; no two pauses are alike. */
export function randomOf(id: string, nowMs: number): number {
  let hash = 2166136261;
  for (const unit of `${id}@${nowMs.toFixed(6)}`) hash = Math.imul(hash ^ unit.charCodeAt(0), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** Times in a trace, without the last digits, which depend on the order of sums. */
export const shown = (ms: number): string => ms.toFixed(3);

interface Child {
  readonly tree: Tree;
  readonly isAdded: boolean;
  inner: ModelSupervisor | null;
  isUp: boolean;
  hasRun: boolean;
  /** When it is to be started; null for one that is up, or down for good. */
  dueMs: number | null;
  upSinceMs: number;
  failures: number;
}

/** `failingStarts` holds `id#n` for every worker whose nth start is to fail. */
export class ModelWorld implements World {
  readonly trace: string[] = [];
  readonly failingStarts: ReadonlySet<string>;
  readonly root: ModelSupervisor;
  readonly #attempts = new Map<string, number>();
  nowMs = 0;

  constructor(tree: SupervisorTree, failingStarts: ReadonlySet<string>) {
    this.failingStarts = failingStarts;
    this.root = new ModelSupervisor(this, tree, () => {});
  }

  tell(what: string): void {
    this.trace.push(`${shown(this.nowMs)} ${what}`);
  }

  startWorker(id: string): boolean {
    const attempt = (this.#attempts.get(id) ?? 0) + 1;
    this.#attempts.set(id, attempt);
    return !this.failingStarts.has(`${id}#${attempt}`);
  }

  start(): void {
    this.root.start();
  }

  stop(): void {
    if (!this.root.hasEnded) this.root.terminate("normal");
  }

  advance(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const due = this.#due();
      if (due === undefined || due.dueMs > untilMs) break;
      this.nowMs = due.dueMs;
      due.supervisor.tryAgain();
    }
    this.nowMs = untilMs;
  }

  #due() {
    const due = this.root.all().map((supervisor) => ({ supervisor, dueMs: supervisor.dueMs() }));
    return due.filter(({ dueMs }) => dueMs < Infinity).sort((a, b) => a.dueMs - b.dueMs)[0];
  }

  children(): readonly ChildOf[] {
    return this.root.all().flatMap((supervisor) => supervisor.describe());
  }

  supervisors(): readonly string[] {
    return this.root.all().map(({ tree }) => tree.id);
  }

  endWorker({ supervisor, id }: ChildOf, reason: "normal" | "failed", counts: boolean): void {
    this.#find(supervisor).childEnded(id, reason, counts);
  }

  add(supervisor: string, worker: WorkerTree): void {
    this.#find(supervisor).add(worker);
  }

  remove({ supervisor, id }: ChildOf): void {
    this.#find(supervisor).remove(id);
  }

  #find(id: string): ModelSupervisor {
    const found = this.root.all().find(({ tree }) => tree.id === id);
    if (found === undefined) throw new Error(`No supervisor ${id} is up`);
    return found;
  }
}

class ModelSupervisor {
  readonly tree: SupervisorTree;
  readonly #world: ModelWorld;
  readonly #onFailure: () => void;
  #children: Child[] = [];
  #restartsMs: number[] = [];
  hasEnded = false;

  constructor(world: ModelWorld, tree: SupervisorTree, onFailure: () => void) {
    this.#world = world;
    this.tree = tree;
    this.#onFailure = onFailure;
    for (const child of tree.children) this.#children.push(newChild(child, false, world.nowMs));
  }

  /** `start_children`: true when all are up; else none is. */
  start(): boolean {
    for (const child of this.#children) {
      if (this.#startChild(child)) continue;
      this.terminate("failed");
      return false;
    }
    return true;
  }

  terminate(reason: "normal" | "failed"): void {
    for (const child of this.#children.toReversed()) if (child.isUp) this.#terminateChild(child);
    this.hasEnded = true;
    this.#world.tell(`ended ${this.tree.id} ${reason}`);
  }

  /** This supervisor, and all below it that are up, from the top. */
  all(): ModelSupervisor[] {
    if (this.hasEnded) return [];
    return [this, ...this.#children.flatMap(({ inner, isUp }) => inner !== null && isUp ? inner.all() : [])];
  }

  describe(): ChildOf[] {
    return this.#children.map(({ tree, isUp, dueMs }) => ({
      supervisor: this.tree.id,
      id: tree.id,
      kind: tree.kind,
      state: isUp ? "up" : dueMs === null ? "down" : "waiting",
    }));
  }

  dueMs(): number {
    const waiting = this.#children.flatMap(({ dueMs }) => dueMs === null ? [] : [dueMs]);
    if (this.tree.strategy === "one_for_one") return Math.min(...waiting);
    return waiting[0] ?? Infinity;
  }

  /** Starts what is due, in order; only with `one_for_one` past a child that must wait. */
  tryAgain(): void {
    for (const child of [...this.#children]) {
      if (child.dueMs === null) continue;
      if (child.dueMs > this.#world.nowMs) {
        if (this.tree.strategy === "one_for_one") continue;
        return;
      }
      if (this.#startChild(child)) continue;
      if (child.isAdded && !child.hasRun) this.#forget(child);
      else return this.#restart(child, true);
    }
  }

  childEnded(id: string, reason: "normal" | "failed", counts: boolean): void {
    const child = this.#child(id);
    this.#down(child);
    const { restart } = child.tree;
    if (restart === "permanent" || (restart === "transient" && reason === "failed")) {
      return this.#restart(child, counts);
    }
    if (restart === "temporary") this.#forget(child);
  }

  add(tree: WorkerTree): void {
    this.#children.push(newChild(tree, true, this.#world.nowMs));
    this.tryAgain();
  }

  remove(id: string): void {
    const child = this.#child(id);
    if (child.isUp) this.#terminateChild(child);
    this.#forget(child);
    this.tryAgain();
  }

  #child(id: string): Child {
    return this.#children.find(({ tree }) => tree.id === id)!;
  }

  #startChild(child: Child): boolean {
    const { tree } = child;
    this.#world.tell(`start ${tree.id}`);
    child.dueMs = null;
    if (tree.kind === "supervisor") {
      child.inner = new ModelSupervisor(this.#world, tree, () => this.childEnded(tree.id, "failed", true));
      child.isUp = child.inner.start();
    } else child.isUp = this.#world.startWorker(tree.id);
    if (!child.isUp) return false;
    child.hasRun = true;
    child.upSinceMs = this.#world.nowMs;
    return true;
  }

  #terminateChild(child: Child): void {
    this.#world.tell(`stop ${child.tree.id}`);
    child.inner?.terminate("normal");
    this.#down(child);
  }

  #down(child: Child): void {
    child.isUp = false;
    if (this.#world.nowMs - child.upSinceMs >= this.tree.backoff.healthyMs) child.failures = 0;
  }

  #forget(child: Child): void {
    this.#children.splice(this.#children.indexOf(child), 1);
    this.#world.tell(`forget ${child.tree.id}`);
  }

  #restart(child: Child, counts: boolean): void {
    if (counts && !this.#addRestart()) {
      this.terminate("failed");
      return this.#onFailure();
    }
    const pauseMs = this.#pauseMs(child, counts);
    this.#world.tell(`${child.tree.id} pauses ${shown(pauseMs)}`);
    const { strategy } = this.tree;
    const first = strategy === "one_for_all" ? 0 : this.#children.indexOf(child);
    const end = strategy === "one_for_one" ? first + 1 : this.#children.length;
    for (const member of this.#children.slice(first, end).reverse()) {
      const wasUp = member.isUp;
      if (wasUp) this.#terminateChild(member);
      if (wasUp && member.tree.restart === "temporary") this.#forget(member);
      else member.dueMs = Math.max(member.dueMs ?? 0, this.#world.nowMs + pauseMs);
    }
  }

  /** `add_restart`: whether this restart may be. */
  #addRestart(): boolean {
    const { nowMs } = this.#world;
    this.#restartsMs = [nowMs, ...this.#restartsMs];
    const recent = this.#restartsMs.filter((restartMs) => restartMs >= nowMs - this.tree.intensity.withinMs);
    return recent.length <= this.tree.intensity.restarts;
  }

  #pauseMs(child: Child, counts: boolean): number {
    const { firstMs, maxMs, jitter } = this.tree.backoff;
    const { nowMs } = this.#world;
    let fullMs = firstMs;
    if (counts) {
      for (let doubling = 0; doubling < child.failures; doubling++) fullMs *= 2;
      child.failures += 1;
    }
    const longestMs = fullMs > maxMs ? maxMs : fullMs;
    return longestMs - longestMs * jitter + longestMs * jitter * randomOf(child.tree.id, nowMs);
  }
}

function newChild(tree: Tree, isAdded: boolean, nowMs: number): Child {
  const dueMs = isAdded ? nowMs : null;
  return { tree, isAdded, inner: null, isUp: false, hasRun: false, dueMs, upSinceMs: 0, failures: 0 };
}
