/**
 * The decisions of one supervisor, in the sense of Erlang/OTP (https://www.erlang.org/doc/system/sup_princ.html):
 * events in, actions out.
 *
 * 1. Children start in order, each when those before it run. With `one_for_one` that holds for the supervisor's own
 *    start; later starts wait for nobody.
 * 2. Children that stop together stop in reverse order, each when those behind it have ended. One that outlives its
 *    `stopMs` is killed, and its end is waited for. One whose start outlives `startMs` is stopped in the same way.
 * 3. A failure is an end that nobody asked for and that the child is restarted after: any end of a `permanent` child,
 *    a failed end of a `transient` one, no end of a `temporary` one, which is removed. A failed start is a failed end.
 * 4. A failure restarts the child (`one_for_one`), all children (`one_for_all`), or it and those behind it
 *    (`rest_for_one`): they stop, and start in order, not before the failed child's backoff has passed, counted from the
 *    failure. `transient` ones that had finished start again with the others; `temporary` ones are removed.
 * 5. A failure that exceeds the intensity, instead, stops all children, and the supervisor ends as failed: to its own
 *    supervisor, that is a failure of this child. Ends with `counts: false` are restarted after the first pause of the
 *    backoff, and count neither here nor there.
 * 6. A child's first start is not repeated when it fails: the supervisor ends as failed when the child is one that it
 *    started with; one that was added is removed.
 */

import { invariant } from "./errors.ts";
import { Backoff, RestartIntensity } from "./restart_policy.ts";
import {
  type ChildSnapshot,
  type ChildSpec,
  type ChildState,
  type End,
  type SupervisionAction,
  SupervisionError,
  type SupervisionEvent,
  type SupervisionSnapshot,
  type SupervisorSpec,
  type SupervisorState,
} from "./supervision_api.ts";

interface Child {
  readonly spec: ChildSpec;
  readonly backoff: Backoff;
  /** Added after the supervisor's start; see guarantee 6. */
  readonly isAdded: boolean;
  state: ChildState;
  sinceMs: number;
  /** When its start or its stop has taken too long; else never. */
  deadlineMs: number;
  notBeforeMs: number;
  /** What its end means: a failure or a finish, that it starts again with others, that it rests, or that it is forgotten. */
  purpose: "run" | "restart" | "rest" | "leave";
  hasRun: boolean;
  upSinceMs: number | null;
  starts: number;
  lastError: string | null;
}

const stopped: End = { reason: "normal", sentence: "It was stopped." };
const killed: End = { reason: "failed", sentence: "It was killed." };

export class Supervision {
  readonly #spec: SupervisorSpec;
  readonly #intensity: RestartIntensity;
  #children: readonly Child[] = [];
  #state: SupervisorState = "idle";
  #sinceMs = 0;
  #end = stopped;
  #actions: SupervisionAction[] = [];

  constructor(spec: SupervisorSpec) {
    this.#spec = spec;
    this.#intensity = new RestartIntensity(spec.intensity);
    for (const child of spec.children) this.#append(child, 0);
  }

  /**
   * Takes an event at `nowMs` on a monotonic clock, with `random` in [0, 1), and tells what to do, in order. Throws a
   * `SupervisionError` for a child that cannot be added or removed, and has changed nothing then.
   */
  handle(event: SupervisionEvent, nowMs: number, random: number): readonly SupervisionAction[] {
    this.#actions = [];
    this.#take(event, nowMs, random);
    this.#expire(nowMs);
    this.#stopNext(nowMs);
    this.#startNext(nowMs);
    this.#conclude(nowMs);
    return this.#actions;
  }

  /** When `wake` is due; null while nothing but events is waited for. */
  get wakeAtMs(): number | null {
    const deadlines = this.#children.map(({ deadlineMs }) => deadlineMs);
    const starts = this.#startable().map(({ notBeforeMs }) => notBeforeMs);
    const wakeMs = Math.min(...deadlines, ...starts);
    return wakeMs === Infinity ? null : wakeMs;
  }

  snapshot(): SupervisionSnapshot {
    const { id, strategy } = this.#spec;
    return {
      id,
      strategy,
      state: this.#state,
      sinceMs: this.#sinceMs,
      children: this.#children.map(snapshotOf),
    };
  }

  #take(event: SupervisionEvent, nowMs: number, random: number): void {
    switch (event.type) {
      case "start":
        return this.#start(nowMs);
      case "stop":
        return this.#windDown(stopped, nowMs);
      case "kill":
        return this.#kill(nowMs);
      case "wake":
        return;
      case "childStarted":
        return this.#childStarted(this.#child(event.id), nowMs);
      case "childEnded":
        return this.#childEnded(this.#child(event.id), event.end, nowMs, random);
      case "addChild":
        return this.#add(event.child, nowMs);
      case "removeChild":
        return this.#remove(this.#child(event.id), nowMs);
    }
  }

  #start(nowMs: number): void {
    invariant(this.#state === "idle", `A supervisor starts once; ${this.#spec.id} is ${this.#state}`);
    this.#setState("starting", nowMs);
    for (const child of this.#children) this.#settle(child, nowMs);
  }

  #add(spec: ChildSpec, nowMs: number): void {
    if (this.#isEnding) throw this.#over(`add child ${spec.id} to`);
    this.#append(spec, nowMs);
  }

  #remove(child: Child, nowMs: number): void {
    if (this.#state === "ended") throw this.#over(`remove child ${child.spec.id} of`);
    this.#release(child, "leave", nowMs);
  }

  #over(what: string): SupervisionError {
    return new SupervisionError(
      "ended",
      `Cannot ${what} ${this.#spec.id}: that supervisor is ${this.#state}.`,
    );
  }

  #append(spec: ChildSpec, nowMs: number): void {
    const { id } = spec;
    if (this.#children.some((child) => child.spec.id === id)) {
      throw new SupervisionError(
        "exists",
        `Cannot add child ${id} to ${this.#spec.id}: there is one of this name. Take another, or remove that one first.`,
      );
    }
    const isAdded = this.#state !== "idle";
    const child: Child = {
      spec,
      backoff: new Backoff(this.#spec.backoff),
      isAdded,
      state: isAdded ? "waiting" : "stopped",
      sinceMs: nowMs,
      deadlineMs: Infinity,
      notBeforeMs: nowMs,
      purpose: "run",
      hasRun: false,
      upSinceMs: null,
      starts: 0,
      lastError: null,
    };
    this.#children = [...this.#children, child];
  }

  #child(id: string): Child {
    const child = this.#children.find(({ spec }) => spec.id === id);
    if (child !== undefined) return child;
    const known = this.#children.map(({ spec }) => spec.id).join(", ");
    throw new SupervisionError("unknown", `${this.#spec.id} has no child ${id}; it has: ${known || "none"}.`);
  }

  #childStarted(child: Child, nowMs: number): void {
    // Else it started in the moment in which it was asked to stop.
    if (child.state !== "starting") return;
    child.hasRun = true;
    child.upSinceMs = nowMs;
    setState(child, "running", nowMs);
  }

  #childEnded(child: Child, end: End, nowMs: number, random: number): void {
    const { id, restart } = child.spec;
    invariant(isAlive(child), `Only what lives can end; ${id} of ${this.#spec.id} was ${child.state}`);
    const { state } = child;
    if (child.upSinceMs !== null) child.backoff.wasUp(nowMs - child.upSinceMs);
    child.upSinceMs = null;
    setState(child, "stopped", nowMs);
    if (child.purpose !== "run") return this.#settle(child, nowMs);
    if (state !== "running") {
      // Asked to stop by nothing but its deadline.
      const sentence = state === "starting"
        ? end.sentence
        : `Its start took longer than ${child.spec.startMs} ms.`;
      return this.#startFailed(child, { ...end, reason: "failed", sentence }, nowMs, random);
    }
    if (end.reason === "failed") child.lastError = end.sentence;
    if (restart === "permanent" || (restart === "transient" && end.reason === "failed")) {
      return this.#fail(child, end, nowMs, random);
    }
    this.#actions.push({ type: "childFinished", id, end });
    this.#release(child, restart === "temporary" ? "leave" : "rest", nowMs);
  }

  #startFailed(child: Child, end: End, nowMs: number, random: number): void {
    child.lastError = end.sentence;
    if (child.hasRun) return this.#fail(child, end, nowMs, random);
    if (child.isAdded) return this.#release(child, "leave", nowMs);
    const { id } = child.spec;
    this.#windDown(
      { reason: "failed", sentence: `${this.#spec.id} cannot start ${id}: ${end.sentence}` },
      nowMs,
    );
  }

  #fail(child: Child, end: End, nowMs: number, random: number): void {
    const { id, intensity } = this.#spec;
    const counts = end.counts !== false;
    const pauseMs = child.backoff.pauseMs(random, counts);
    if (counts && this.#intensity.isExceededBy(nowMs)) {
      const sentence = intensity.restarts === 0
        ? end.sentence
        : `${id} gave up, as ${intensity.restarts} restarts within ${intensity.withinMs} ms are allowed; ` +
          `${child.spec.id} failed last: ${end.sentence}`;
      return this.#windDown({ reason: "failed", sentence }, nowMs);
    }
    this.#actions.push({ type: "childFailed", id: child.spec.id, end, pauseMs });
    for (const member of this.#groupOf(child)) {
      member.notBeforeMs = Math.max(member.notBeforeMs, nowMs + pauseMs);
      const isForgotten = member.spec.restart === "temporary" && isAlive(member);
      this.#release(member, isForgotten ? "leave" : "restart", nowMs);
    }
  }

  #groupOf(child: Child): readonly Child[] {
    switch (this.#spec.strategy) {
      case "one_for_one":
        return [child];
      case "one_for_all":
        return this.#children;
      case "rest_for_one":
        return this.#children.slice(this.#children.indexOf(child));
    }
  }

  #windDown(end: End, nowMs: number): void {
    if (this.#isEnding) return;
    this.#end = end;
    this.#setState("stopping", nowMs);
    for (const child of this.#children) this.#release(child, "rest", nowMs);
  }

  #kill(nowMs: number): void {
    this.#windDown(killed, nowMs);
    for (const child of this.#children.toReversed()) if (isAlive(child)) this.#killChild(child, nowMs);
  }

  #killChild(child: Child, nowMs: number): void {
    if (child.state === "killing") return;
    setState(child, "killing", nowMs);
    this.#actions.push({ type: "killChild", id: child.spec.id });
  }

  /** Lets the child end for `purpose`; whatever was decided before, one that leaves leaves. */
  #release(child: Child, purpose: Child["purpose"], nowMs: number): void {
    if (child.purpose !== "leave") child.purpose = purpose;
    if (!isAlive(child)) this.#settle(child, nowMs);
  }

  /** What its purpose makes of a child that is not alive. */
  #settle(child: Child, nowMs: number): void {
    switch (child.purpose) {
      case "run":
      case "restart":
        child.purpose = "run";
        return setState(child, "waiting", nowMs);
      case "rest":
        return setState(child, "stopped", nowMs);
      case "leave": {
        const error = child.hasRun ? null : child.lastError;
        this.#children = this.#children.filter((other) => other !== child);
        this.#actions.push({ type: "childRemoved", id: child.spec.id, error });
      }
    }
  }

  #expire(nowMs: number): void {
    for (const child of this.#children.filter(({ deadlineMs }) => nowMs >= deadlineMs)) {
      if (child.state === "starting") this.#stopChild(child, nowMs);
      else {
        child.lastError = `It did not end within ${child.spec.stopMs} ms, and was killed.`;
        this.#killChild(child, nowMs);
      }
    }
  }

  #stopNext(nowMs: number): void {
    for (const child of this.#children.filter(isReleased).reverse()) {
      if (child.state === "starting" || child.state === "running") this.#stopChild(child, nowMs);
      if (this.#isOrdered) return;
    }
  }

  #stopChild(child: Child, nowMs: number): void {
    setState(child, "stopping", nowMs, nowMs + child.spec.stopMs);
    this.#actions.push({ type: "stopChild", id: child.spec.id });
  }

  #startNext(nowMs: number): void {
    for (const child of this.#startable().filter(({ notBeforeMs }) => nowMs >= notBeforeMs)) {
      child.starts += 1;
      setState(child, "starting", nowMs, nowMs + child.spec.startMs);
      this.#actions.push({ type: "startChild", id: child.spec.id });
    }
  }

  /** The children that wait for time alone. */
  #startable(): readonly Child[] {
    if (this.#state !== "starting" && this.#state !== "running") return [];
    if (this.#isOrdered && this.#children.some(isReleased)) return [];
    const next = this.#children.findIndex(({ state }) => state !== "running" && state !== "stopped");
    return this.#children.filter((child, place) =>
      child.state === "waiting" && (place === next || !this.#waitsForOthers(child))
    );
  }

  #waitsForOthers({ hasRun, isAdded }: Child): boolean {
    return this.#isOrdered || (!hasRun && !isAdded);
  }

  get #isOrdered(): boolean {
    return this.#spec.strategy !== "one_for_one" || this.#isEnding;
  }

  get #isEnding(): boolean {
    return this.#state === "stopping" || this.#state === "ended";
  }

  #conclude(nowMs: number): void {
    if (this.#state === "starting" && this.#children.every(({ hasRun, isAdded }) => hasRun || isAdded)) {
      this.#setState("running", nowMs);
      this.#actions.push({ type: "started" });
    }
    if (this.#state === "stopping" && !this.#children.some(isAlive)) {
      this.#setState("ended", nowMs);
      this.#actions.push({ type: "ended", end: this.#end });
    }
  }

  #setState(state: SupervisorState, nowMs: number): void {
    this.#state = state;
    this.#sinceMs = nowMs;
  }
}

function setState(child: Child, state: ChildState, nowMs: number, deadlineMs = Infinity): void {
  if (child.state !== state) child.sinceMs = nowMs;
  child.state = state;
  child.deadlineMs = deadlineMs;
}

function isAlive({ state }: Child): boolean {
  return state !== "waiting" && state !== "stopped";
}

/** It is to end, and has not yet. */
function isReleased(child: Child): boolean {
  return isAlive(child) && child.purpose !== "run";
}

function snapshotOf(
  { spec, state, sinceMs, deadlineMs, notBeforeMs, starts, lastError }: Child,
): ChildSnapshot {
  const untilMs = state === "waiting" ? notBeforeMs : deadlineMs;
  return {
    id: spec.id,
    restart: spec.restart,
    state,
    sinceMs,
    untilMs: untilMs === Infinity ? null : untilMs,
    restarts: Math.max(0, starts - 1),
    lastError,
  };
}
