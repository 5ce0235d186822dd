/**
 * Carries out the decisions of `runtime/core/supervision.ts` with children that live.
 *
 * 1. A supervisor lives once: `start`, then `ended`. Its own supervisor, which has it by `supervisorChild`, makes a
 *    new one to restart it; what was added to the old one is forgotten with it.
 * 2. `ended` settles when no child is left alive and no timer is set, and never rejects.
 * 3. A supervisor that gives up has ended as failed: whoever supervises it decides what that means.
 */

import type { Json } from "../core/actor.ts";
import { invariant } from "../core/errors.ts";
import { Supervision } from "../core/supervision.ts";
import {
  type ChildSnapshot,
  type ChildSpec,
  type End,
  type SupervisionAction,
  SupervisionError,
  type SupervisionEvent,
  type SupervisorSpec,
  type SupervisorState,
} from "../core/supervision_api.ts";
import { type Running, SupervisedLife } from "./supervised_life.ts";
import type { TimerClock } from "./timer_clock.ts";

export type { Running } from "./supervised_life.ts";

/** Something to supervise, and how. */
export interface Child extends ChildSpec {
  /** Resolves when it is up; see `LifeParts.start`. */
  start(signal: AbortSignal): Promise<Running>;
  /** What a worker says about itself in the tree. */
  details?(): Json;
}

/** A supervisor as a child of another. */
export interface SupervisorChild extends Child {
  readonly strategy: SupervisorSpec["strategy"];
  /** The one that lives now, or lived last; null before the first. */
  readonly current: Supervisor | null;
}

export interface SupervisorOptions extends Omit<SupervisorSpec, "children"> {
  readonly children: readonly (Child | SupervisorChild)[];
}

/** What a person, or a counter, should know of. */
export type SupervisionNotice =
  & { readonly supervisor: string }
  & (
    /** The child, with those that depend on it, is restarted after the pause. */
    | {
      readonly type: "childFailed";
      readonly child: string;
      readonly end: End;
      readonly pauseMs: number;
    }
    /** The child ended by itself, and is not restarted. */
    | { readonly type: "childFinished"; readonly child: string; readonly end: End }
    /** The child outlived its deadline, or its supervisor was killed. */
    | { readonly type: "childKilled"; readonly child: string }
    | { readonly type: "gaveUp"; readonly sentence: string }
  );

export interface SupervisorParts {
  readonly clock: TimerClock;
  /** In [0, 1). */
  random(): number;
  /** Must not throw. */
  onNotice(notice: SupervisionNotice): void;
}

interface TreeNode {
  readonly id: string;
  readonly state: ChildSnapshot["state"] | SupervisorState;
  /** How long it has been in this state. */
  readonly forMs: number;
  /** Until it is started again at the earliest, or its start or stop is cut off; null when nothing is set. */
  readonly remainingMs: number | null;
  readonly restarts: number;
  readonly lastError: string | null;
}

export interface WorkerTree extends TreeNode {
  readonly kind: "worker";
  readonly details: Json;
}

export interface SupervisorTree extends TreeNode {
  readonly kind: "supervisor";
  readonly strategy: SupervisorSpec["strategy"];
  readonly children: readonly SupervisionTree[];
}

export type SupervisionTree = WorkerTree | SupervisorTree;

export class Supervisor implements Running {
  readonly id: string;
  readonly ended: Promise<End>;
  readonly #parts: SupervisorParts;
  readonly #core: Supervision;
  readonly #children = new Map<string, Child | SupervisorChild>();
  readonly #lives = new Map<string, SupervisedLife>();
  readonly #started = Promise.withResolvers<void>();
  readonly #settleEnded: (end: End) => void;
  /** Those who wait for a child to be up, and for it to be gone. */
  readonly #adding = new Map<string, PromiseWithResolvers<void>>();
  readonly #removing = new Map<string, PromiseWithResolvers<void>>();
  readonly #actions: SupervisionAction[] = [];
  #isPerforming = false;
  #cancelTimer = () => {};

  constructor(options: SupervisorOptions, parts: SupervisorParts) {
    this.id = options.id;
    this.#parts = parts;
    this.#core = new Supervision(options);
    for (const child of options.children) this.#children.set(child.id, child);
    const { promise, resolve } = Promise.withResolvers<End>();
    this.ended = promise;
    this.#settleEnded = resolve;
    // A start that failed is told by `ended` too.
    this.#started.promise.catch(() => {});
  }

  /**
   * Starts all children, in order. Throws a `SupervisionError` when one cannot start, once those before it have ended.
   * When `signal` aborts, the supervisor stops, and the start resolves.
   */
  start(signal?: AbortSignal): Promise<void> {
    this.#handle({ type: "start" });
    const abort = () => {
      if (this.#core.snapshot().state !== "starting") return;
      this.#started.resolve();
      this.#handle({ type: "stop" });
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    return this.#started.promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Stops all children, the last first; resolves when none is left. */
  async stop(): Promise<void> {
    this.#handle({ type: "stop" });
    await this.ended;
  }

  kill(): void {
    this.#handle({ type: "kill" });
  }

  /** Resolves when the child is up. Throws a `SupervisionError` when it cannot be added, or its first start fails. */
  async add(child: Child | SupervisorChild): Promise<void> {
    const added = Promise.withResolvers<void>();
    // Decided before anything is remembered: the name may be taken.
    const actions = this.#decide({ type: "addChild", child });
    this.#children.set(child.id, child);
    this.#adding.set(child.id, added);
    this.#perform(actions);
    await added.promise;
  }

  /** Stops a child and forgets it; resolves when it is gone. Throws a `SupervisionError` when there is none. */
  async remove(id: string): Promise<void> {
    const actions = this.#decide({ type: "removeChild", id });
    const removed = this.#removing.get(id) ?? Promise.withResolvers<void>();
    this.#removing.set(id, removed);
    this.#perform(actions);
    await removed.promise;
  }

  /** The tree from here down, as it is now. */
  tree(): SupervisorTree {
    const { sinceMs, state } = this.#core.snapshot();
    const forMs = this.#parts.clock.nowMs() - sinceMs;
    return this.treeAs({ id: this.id, state, forMs, remainingMs: null, restarts: 0, lastError: null });
  }

  /** The tree with what its own supervisor knows of this one. */
  treeAs(node: TreeNode): SupervisorTree {
    const { strategy, children } = this.#core.snapshot();
    return { ...node, kind: "supervisor", strategy, children: children.map((child) => this.#treeOf(child)) };
  }

  #treeOf({ id, state, sinceMs, untilMs, restarts, lastError }: ChildSnapshot): SupervisionTree {
    const nowMs = this.#parts.clock.nowMs();
    const remainingMs = untilMs === null ? null : Math.max(0, untilMs - nowMs);
    const node: TreeNode = { id, state, forMs: nowMs - sinceMs, remainingMs, restarts, lastError };
    const child = this.#known(id);
    if ("current" in child) {
      const { current, strategy } = child;
      return current?.treeAs(node) ?? { ...node, kind: "supervisor", strategy, children: [] };
    }
    return { ...node, kind: "worker", details: child.details?.() ?? null };
  }

  #known(id: string): Child | SupervisorChild {
    const child = this.#children.get(id);
    invariant(child !== undefined, `A supervisor knows its children; ${this.id} does not know ${id}`);
    return child;
  }

  #decide(event: SupervisionEvent): readonly SupervisionAction[] {
    return this.#core.handle(event, this.#parts.clock.nowMs(), this.#parts.random());
  }

  #handle(event: SupervisionEvent): void {
    this.#perform(this.#decide(event));
  }

  /** In order, also when an action makes a child call back at once. */
  #perform(actions: readonly SupervisionAction[]): void {
    this.#actions.push(...actions);
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    try {
      for (let next = this.#actions.shift(); next !== undefined; next = this.#actions.shift()) {
        this.#act(next);
      }
    } finally {
      this.#isPerforming = false;
      this.#setTimer();
    }
  }

  #setTimer(): void {
    this.#cancelTimer();
    const { wakeAtMs } = this.#core;
    if (wakeAtMs === null) return;
    const { clock } = this.#parts;
    const delayMs = Math.max(0, wakeAtMs - clock.nowMs());
    this.#cancelTimer = clock.after(delayMs, () => this.#handle({ type: "wake" }));
  }

  #act(action: SupervisionAction): void {
    switch (action.type) {
      case "startChild":
        return this.#startChild(this.#known(action.id));
      case "stopChild":
        return this.#lives.get(action.id)?.stop();
      case "killChild":
        this.#tell({ type: "childKilled", supervisor: this.id, child: action.id });
        return this.#lives.get(action.id)?.kill();
      case "childFailed": {
        const { id: child, end, pauseMs } = action;
        return this.#tell({ type: "childFailed", supervisor: this.id, child, end, pauseMs });
      }
      case "childFinished":
        return this.#tell({ type: "childFinished", supervisor: this.id, child: action.id, end: action.end });
      case "childRemoved":
        return this.#childRemoved(action.id, action.error);
      case "started":
        return this.#started.resolve();
      case "ended":
        return this.#end(action.end);
    }
  }

  #tell(notice: SupervisionNotice): void {
    this.#parts.onNotice(notice);
  }

  #startChild(child: Child): void {
    const { id } = child;
    const life = new SupervisedLife({
      start: (signal) => child.start(signal),
      onStarted: () => {
        this.#handle({ type: "childStarted", id });
        settle(this.#adding, id)?.resolve();
      },
      onEnded: (end) => {
        this.#lives.delete(id);
        this.#handle({ type: "childEnded", id, end });
      },
    });
    this.#lives.set(id, life);
    life.start();
  }

  #childRemoved(id: string, error: string | null): void {
    this.#children.delete(id);
    const sentence = `${this.id} cannot start ${id}: ${error ?? "It was removed before it was up."}`;
    settle(this.#adding, id)?.reject(new SupervisionError("start_failed", sentence));
    settle(this.#removing, id)?.resolve();
  }

  #end(end: End): void {
    for (const id of [...this.#adding.keys()]) {
      const sentence = `${this.id} cannot start ${id}: that supervisor ended before. ${end.sentence}`;
      settle(this.#adding, id)?.reject(new SupervisionError("ended", sentence));
    }
    if (end.reason === "failed") this.#tell({ type: "gaveUp", supervisor: this.id, sentence: end.sentence });
    this.#started.reject(new SupervisionError("start_failed", end.sentence));
    this.#settleEnded(end);
  }
}

/** Takes out whoever waits for the child. */
function settle(waiting: Map<string, PromiseWithResolvers<void>>, id: string) {
  const promise = waiting.get(id);
  waiting.delete(id);
  return promise;
}

/**
 * A supervisor as a child of another, made anew for each of its lives. Its deadlines are its children's.
 *
 * @example
 * const hosts = supervisorChild({ id: "hosts", restart: "permanent", strategy: "one_for_one", ... }, parts);
 * const node = new Supervisor({ id: "node", strategy: "rest_for_one", children: [log, hosts], ... }, parts);
 * await node.start();
 * await hosts.current?.add(newHost);
 */
export function supervisorChild(
  options: SupervisorOptions & Pick<ChildSpec, "restart">,
  parts: SupervisorParts,
): SupervisorChild {
  let current: Supervisor | null = null;
  return {
    id: options.id,
    restart: options.restart,
    strategy: options.strategy,
    startMs: Infinity,
    stopMs: Infinity,
    get current() {
      return current;
    },
    async start(signal) {
      const supervisor = new Supervisor(options, parts);
      current = supervisor;
      await supervisor.start(signal);
      return supervisor;
    },
  };
}

/** A supervisor that runs already, as a child of another, which cannot make it anew. */
export function adoptedChild(supervisor: Supervisor): SupervisorChild {
  return {
    id: supervisor.id,
    restart: "permanent",
    strategy: supervisor.tree().strategy,
    startMs: Infinity,
    stopMs: Infinity,
    current: supervisor,
    start: () => Promise.resolve(supervisor),
  };
}
