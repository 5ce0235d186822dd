/**
 * One life of a service, as its supervisor has it.
 *
 * 1. To its supervisor it is up at once: that the service itself starts, or fails to, is a part of the life. So one that
 *    is down when the node starts ends nothing.
 * 2. None of its ends counts towards the supervisor's intensity: what services talk to may be away for days.
 */

import type { End } from "../core/supervision_api.ts";
import { serviceStartMs } from "./limits.ts";
import type { RunningService, Service } from "./service.ts";
import { type Running, SupervisedLife } from "./supervised_life.ts";
import type { TimerClock } from "./timer_clock.ts";

export interface ServiceLifeParts {
  readonly service: Service;
  readonly clock: TimerClock;
  onUp(running: RunningService): void;
  /** Once, whether it was up or not. */
  onEnded(end: End): void;
}

export class ServiceLife implements Running {
  readonly ended: Promise<End>;
  readonly #parts: ServiceLifeParts;
  readonly #life: SupervisedLife;
  readonly #settle: (end: End) => void;
  readonly #cancelDeadline: () => void;
  #hasEnded = false;

  constructor(parts: ServiceLifeParts) {
    this.#parts = parts;
    const { promise, resolve } = Promise.withResolvers<End>();
    this.ended = promise;
    this.#settle = resolve;
    const { service, clock } = parts;
    let running: RunningService | null = null;
    this.#life = new SupervisedLife({
      start: async (signal) => running = await service.start(signal),
      onStarted: () => {
        this.#cancelDeadline();
        if (running !== null && !this.#hasEnded) parts.onUp(running);
      },
      onEnded: (end) => this.#end(end),
    });
    const late = `It was not up within ${serviceStartMs / 1000} s`;
    this.#cancelDeadline = clock.after(serviceStartMs, () => this.fail(late));
    this.#life.start();
  }

  stop(): void {
    this.#life.stop();
  }

  kill(): void {
    this.fail("It was killed");
  }

  /** Ends it at once, though what it was made of may need a moment, or more. */
  fail(sentence: string): void {
    this.#end({ reason: "failed", sentence });
    this.#life.kill();
  }

  #end(end: End): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelDeadline();
    this.#parts.onEnded(end);
    this.#settle({ ...end, counts: false });
  }
}
