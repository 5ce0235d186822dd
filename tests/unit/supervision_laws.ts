/**
 * One supervisor whose children take their time, and what must hold of every action it asks for: a plain bookkeeping
 * of who lives, who is condemned, and when something failed.
 */

import assert from "node:assert/strict";
import { Supervision } from "../../runtime/core/supervision.ts";
import type {
  ChildSpec,
  SupervisionAction,
  SupervisionEvent,
  SupervisorSpec,
} from "../../runtime/core/supervision_api.ts";

interface Life {
  readonly spec: ChildSpec;
  readonly isAdded: boolean;
  state: "down" | "starting" | "up" | "finished";
  hasRun: boolean;
  isLeaving: boolean;
  /** Alive, and to end, because of others or because somebody asked for it. */
  isCondemned: boolean;
  startedMs: number;
  askedMs: number | null;
  notBeforeMs: number;
}

export class WatchedSupervisor {
  readonly #spec: SupervisorSpec;
  readonly #core: Supervision;
  /** In their order. */
  lives: Life[];
  #failuresMs: number[] = [];
  #isKilled = false;
  isEnding = false;
  hasEnded = false;
  nowMs = 0;

  constructor(spec: SupervisorSpec) {
    this.#spec = spec;
    this.#core = new Supervision(spec);
    this.lives = spec.children.map((child) => newLife(child, false));
  }

  get wakeAtMs(): number | null {
    return this.#core.wakeAtMs;
  }

  get #isOrdered(): boolean {
    return this.#spec.strategy !== "one_for_one" || this.isEnding;
  }

  start(): void {
    this.#handle({ type: "start" });
  }

  advance(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (let wakeMs = this.wakeAtMs; wakeMs !== null && wakeMs <= untilMs; wakeMs = this.wakeAtMs) {
      this.nowMs = wakeMs;
      this.#handle({ type: "wake" });
    }
    this.nowMs = untilMs;
  }

  started(life: Life): void {
    life.state = "up";
    life.hasRun = true;
    this.#handle({ type: "childStarted", id: life.spec.id });
  }

  ended(life: Life, reason: "normal" | "failed", counts: boolean): void {
    const { id, restart } = life.spec;
    const isFailedStart = life.state === "starting";
    const isUnasked = !life.isCondemned;
    const isFailure = isUnasked &&
      (isFailedStart || restart === "permanent" || (restart === "transient" && reason === "failed"));
    const isFinish = isUnasked && !isFailure;
    life.state = isFinish ? "finished" : "down";
    life.askedMs = null;
    life.isCondemned = false;
    if (isFinish && restart === "temporary") life.isLeaving = true;
    if (isFailure && isFailedStart && !life.hasRun) {
      if (life.isAdded) life.isLeaving = true;
      else this.#condemnAll();
    } else if (isFailure) this.#failed(life, counts);
    const isEndingSoon = this.isEnding;
    this.#handle({ type: "childEnded", id, end: { reason, sentence: "told to end", counts } });
    const { state } = this.#core.snapshot();
    assert.equal(state === "stopping" || state === "ended", isEndingSoon, `It is ${state} after ${id} ended`);
  }

  add(child: ChildSpec): void {
    this.lives.push(newLife(child, true));
    this.#handle({ type: "addChild", child });
  }

  remove(life: Life): void {
    life.isLeaving = true;
    life.isCondemned = isAlive(life);
    this.#handle({ type: "removeChild", id: life.spec.id });
  }

  stop(): void {
    this.#condemnAll();
    this.#handle({ type: "stop" });
  }

  kill(): void {
    this.#isKilled = true;
    this.#condemnAll();
    this.#handle({ type: "kill" });
    for (const { spec } of this.lives.filter(isAlive)) assert.equal(this.#stateOf(spec.id), "killing");
  }

  #failed(life: Life, counts: boolean): void {
    const { restarts, withinMs } = this.#spec.intensity;
    if (counts) {
      this.#failuresMs.push(this.nowMs);
      if (this.#failuresMs.filter((ms) => this.nowMs - ms <= withinMs).length > restarts) {
        return this.#condemnAll();
      }
    }
    for (const member of this.#groupOf(life).filter(isAlive)) {
      member.isCondemned = true;
      if (member.spec.restart === "temporary") member.isLeaving = true;
    }
    for (const member of this.#groupOf(life)) if (member.state === "finished") member.state = "down";
  }

  #groupOf(life: Life): readonly Life[] {
    const place = this.lives.indexOf(life);
    const { strategy } = this.#spec;
    return this.lives.filter((_, n) =>
      n === place || strategy === "one_for_all" || (strategy === "rest_for_one" && n > place)
    );
  }

  #condemnAll(): void {
    this.isEnding = true;
    for (const life of this.lives.filter(isAlive)) life.isCondemned = true;
  }

  #stateOf(id: string): string | undefined {
    return this.#core.snapshot().children.find((child) => child.id === id)?.state;
  }

  #handle(event: SupervisionEvent): void {
    for (const action of this.#core.handle(event, this.nowMs, 0.5)) this.#check(action);
    const { wakeAtMs } = this.#core;
    assert.ok(wakeAtMs === null || wakeAtMs > this.nowMs, `It would wake at ${wakeAtMs} again and again`);
  }

  #check(action: SupervisionAction): void {
    assert.ok(!this.hasEnded, `${action.type} after the end`);
    switch (action.type) {
      case "startChild":
        return this.#checkStart(this.#life(action.id));
      case "stopChild":
        return this.#checkStop(this.#life(action.id));
      case "killChild":
        return this.#checkKill(this.#life(action.id));
      case "childFailed": {
        const notBeforeMs = this.nowMs + action.pauseMs;
        for (const member of this.#groupOf(this.#life(action.id))) {
          member.notBeforeMs = Math.max(member.notBeforeMs, notBeforeMs);
        }
        return;
      }
      case "childFinished":
        return assert.ok(this.#life(action.id).state === "finished");
      case "childRemoved": {
        const life = this.#life(action.id);
        assert.ok(life.isLeaving && !isAlive(life), `${action.id} is forgotten too early`);
        this.lives = this.lives.filter((other) => other !== life);
        return;
      }
      case "started":
        return assert.ok(this.lives.every(({ hasRun, isAdded }) => hasRun || isAdded));
      case "ended":
        this.hasEnded = true;
        return assert.ok(this.isEnding && !this.lives.some(isAlive), "It ended with children alive");
    }
  }

  #checkStart(life: Life): void {
    const { id } = life.spec;
    assert.ok(life.state === "down", `${id} is started while ${life.state}`);
    assert.ok(!this.isEnding && !life.isLeaving, `${id} is started though nobody wants it`);
    assert.ok(this.nowMs >= life.notBeforeMs, `${id} is started before its pause has passed`);
    if (this.#isOrdered || (!life.hasRun && !life.isAdded)) {
      const earlier = this.lives.slice(0, this.lives.indexOf(life));
      const missing = earlier.find(({ state }) => state !== "up" && state !== "finished");
      assert.equal(missing?.spec.id, undefined, `${id} is started before an earlier child runs`);
    }
    if (this.#isOrdered) {
      const condemned = this.lives.find(({ isCondemned }) => isCondemned);
      assert.equal(condemned?.spec.id, undefined, `${id} is started before all that stop have ended`);
    }
    life.state = "starting";
    life.startedMs = this.nowMs;
  }

  #checkStop(life: Life): void {
    const { id, startMs } = life.spec;
    assert.ok(isAlive(life) && life.askedMs === null, `${id} is stopped twice, or while ${life.state}`);
    const isLate = life.state === "starting" && this.nowMs >= life.startedMs + startMs;
    assert.ok(life.isCondemned || isLate, `${id} is stopped though nobody asked for it`);
    const behind = this.lives.slice(this.lives.indexOf(life) + 1);
    if (this.#isOrdered && life.isCondemned && !isLate) {
      const condemned = behind.find(({ isCondemned }) => isCondemned);
      assert.equal(condemned?.spec.id, undefined, `${id} is stopped before one behind it has ended`);
    }
    life.askedMs = this.nowMs;
  }

  #checkKill({ spec, askedMs }: Life): void {
    const isOverdue = askedMs !== null && this.nowMs >= askedMs + spec.stopMs;
    assert.ok(isOverdue || this.#isKilled, `${spec.id} is killed before its deadline`);
  }

  #life(id: string): Life {
    const life = this.lives.find(({ spec }) => spec.id === id);
    assert.ok(life !== undefined, `${id} is not known`);
    return life;
  }
}

export function isAlive({ state }: Life): boolean {
  return state === "starting" || state === "up";
}

function newLife(spec: ChildSpec, isAdded: boolean): Life {
  return {
    spec,
    isAdded,
    state: "down",
    hasRun: false,
    isLeaving: false,
    isCondemned: false,
    startedMs: 0,
    askedMs: null,
    notBeforeMs: 0,
  };
}
