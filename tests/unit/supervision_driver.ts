/** Drives nested supervisors of `runtime/core/supervision.ts` with workers that start and stop at once. */

import { Supervision } from "../../runtime/core/supervision.ts";
import type {
  ChildSpec,
  End,
  SupervisionAction,
  SupervisionEvent,
} from "../../runtime/core/supervision_api.ts";
import {
  type ChildOf,
  randomOf,
  shown,
  type SupervisorTree,
  type Tree,
  type WorkerTree,
  type World,
} from "./supervision_model.ts";

const specOf = ({ id, restart }: Tree): ChildSpec => ({ id, restart, startMs: 1000, stopMs: 1000 });

/** `failingStarts` as for the model. */
export class CoreWorld implements World {
  readonly trace: string[] = [];
  readonly #failingStarts: ReadonlySet<string>;
  readonly #root: DrivenSupervisor;
  readonly #attempts = new Map<string, number>();
  readonly #events: (() => void)[] = [];
  nowMs = 0;

  constructor(tree: SupervisorTree, failingStarts: ReadonlySet<string>) {
    this.#failingStarts = failingStarts;
    this.#root = new DrivenSupervisor(this, tree, null);
  }

  tell(what: string): void {
    this.trace.push(`${shown(this.nowMs)} ${what}`);
  }

  startWorker(id: string): boolean {
    const attempt = (this.#attempts.get(id) ?? 0) + 1;
    this.#attempts.set(id, attempt);
    return !this.#failingStarts.has(`${id}#${attempt}`);
  }

  /** Events are taken one after another, as promises bring them. */
  post(event: () => void): void {
    this.#events.push(event);
  }

  #settle(): void {
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) event();
  }

  #send(supervisor: string, event: SupervisionEvent): void {
    this.#root.all().find(({ id }) => id === supervisor)!.handle(event);
    this.#settle();
  }

  start(): void {
    this.#root.handle({ type: "start" });
    this.#settle();
  }

  stop(): void {
    this.#root.handle({ type: "stop" });
    this.#settle();
  }

  advance(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const due = this.#root.all().sort((a, b) => a.wakeAtMs - b.wakeAtMs)[0];
      if (due === undefined || due.wakeAtMs > untilMs) break;
      this.nowMs = due.wakeAtMs;
      due.handle({ type: "wake" });
      this.#settle();
    }
    this.nowMs = untilMs;
  }

  children(): readonly ChildOf[] {
    return this.#root.all().flatMap((supervisor) => supervisor.describe());
  }

  supervisors(): readonly string[] {
    return this.#root.all().map(({ id }) => id);
  }

  endWorker({ supervisor, id }: ChildOf, reason: "normal" | "failed", counts: boolean): void {
    const end: End = { reason, sentence: "told to end", counts };
    this.#send(supervisor, { type: "childEnded", id, end });
  }

  add(supervisor: string, worker: WorkerTree): void {
    this.#root.all().find(({ id }) => id === supervisor)!.learn(worker);
    this.#send(supervisor, { type: "addChild", child: specOf(worker) });
  }

  remove({ supervisor, id }: ChildOf): void {
    this.#send(supervisor, { type: "removeChild", id });
  }
}

class DrivenSupervisor {
  readonly id: string;
  readonly #world: CoreWorld;
  readonly #parent: DrivenSupervisor | null;
  readonly #core: Supervision;
  readonly #trees: Map<string, Tree>;
  readonly #inner = new Map<string, DrivenSupervisor>();

  constructor(world: CoreWorld, tree: SupervisorTree, parent: DrivenSupervisor | null) {
    this.id = tree.id;
    this.#world = world;
    this.#parent = parent;
    this.#trees = new Map(tree.children.map((child) => [child.id, child]));
    const { id, strategy, intensity, backoff } = tree;
    this.#core = new Supervision({ id, strategy, intensity, backoff, children: tree.children.map(specOf) });
  }

  get wakeAtMs(): number {
    return this.#core.wakeAtMs ?? Infinity;
  }

  learn(tree: WorkerTree): void {
    this.#trees.set(tree.id, tree);
  }

  handle(event: SupervisionEvent): void {
    const { nowMs } = this.#world;
    const random = event.type === "childEnded" ? randomOf(event.id, nowMs) : 0;
    for (const action of this.#core.handle(event, nowMs, random)) this.#perform(action);
  }

  all(): DrivenSupervisor[] {
    if (this.#core.snapshot().state === "ended") return [];
    const { children } = this.#core.snapshot();
    return [this, ...children.flatMap(({ id }) => this.#inner.get(id)?.all() ?? [])];
  }

  describe(): ChildOf[] {
    return this.#core.snapshot().children.map(({ id, state }) => ({
      supervisor: this.id,
      id,
      kind: this.#trees.get(id)!.kind,
      state: state === "running" ? "up" : state === "waiting" ? "waiting" : "down",
    }));
  }

  forget(id: string): void {
    this.#inner.delete(id);
  }

  post(event: SupervisionEvent): void {
    this.#world.post(() => this.handle(event));
  }

  #perform(action: SupervisionAction): void {
    switch (action.type) {
      case "startChild":
        this.#world.tell(`start ${action.id}`);
        return this.#startChild(this.#trees.get(action.id)!);
      case "stopChild":
        this.#world.tell(`stop ${action.id}`);
        return this.#stopChild(action.id);
      case "killChild":
        throw new Error(`${action.id} is killed, though nothing takes time`);
      case "childFailed":
        return this.#world.tell(`${action.id} pauses ${shown(action.pauseMs)}`);
      case "childFinished":
        return;
      case "childRemoved":
        return this.#world.tell(`forget ${action.id}`);
      case "started":
        return this.#parent?.post({ type: "childStarted", id: this.id });
      case "ended":
        this.#world.tell(`ended ${this.id} ${action.end.reason}`);
        this.#parent?.forget(this.id);
        return this.#parent?.post({ type: "childEnded", id: this.id, end: action.end });
    }
  }

  #startChild(tree: Tree): void {
    const { id } = tree;
    if (tree.kind === "supervisor") {
      const inner = new DrivenSupervisor(this.#world, tree, this);
      this.#inner.set(id, inner);
      inner.post({ type: "start" });
    } else if (this.#world.startWorker(id)) this.post({ type: "childStarted", id });
    else this.post({ type: "childEnded", id, end: { reason: "failed", sentence: "told not to start" } });
  }

  #stopChild(id: string): void {
    const inner = this.#inner.get(id);
    if (inner !== undefined) inner.post({ type: "stop" });
    else this.post({ type: "childEnded", id, end: { reason: "normal", sentence: "stopped" } });
  }
}
