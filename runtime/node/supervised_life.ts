/**
 * One life of a supervised child, from its start to its end.
 *
 * 1. It is told of once as started, unless it was asked to stop or ended before; and once as ended.
 * 2. Nothing that a child throws, or that its promises reject with, gets further than its end.
 * 3. A start that was killed has ended at once; what it brings up later is killed.
 */

import { errorMessage } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";

/** A child that is up. */
export interface Running {
  /** Settles when nothing of it is left. A rejection counts as a failed end. */
  readonly ended: Promise<End>;
  /** Asks it to end soon. When that fails, it is killed. */
  stop(): Promise<void> | void;
  /** Ends it now. */
  kill(): void;
}

export interface LifeParts {
  /** `signal` aborts when the start is not wanted any more; a start that ignores it is left to itself when it is late. */
  start(signal: AbortSignal): Promise<Running>;
  onStarted(): void;
  onEnded(end: End): void;
}

export class SupervisedLife {
  readonly #parts: LifeParts;
  readonly #unwanted = new AbortController();
  #wish: "run" | "stop" | "kill" = "run";
  #running: Running | null = null;
  #hasEnded = false;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#live();
  }

  stop(): void {
    if (this.#wish !== "run") return;
    this.#wish = "stop";
    this.#unwanted.abort();
    if (this.#running !== null) void this.#stop(this.#running);
  }

  kill(): void {
    this.#wish = "kill";
    this.#unwanted.abort();
    if (this.#running === null) this.#end(failed("It was killed while it started."));
    else this.#kill(this.#running);
  }

  async #live(): Promise<void> {
    try {
      const running = await this.#parts.start(this.#unwanted.signal);
      this.#running = running;
      this.#begin(running);
      this.#end(await running.ended);
    } catch (thrown) {
      this.#end(failed(errorMessage(thrown)));
    }
  }

  #begin(running: Running): void {
    switch (this.#wish) {
      case "run":
        return this.#parts.onStarted();
      case "stop":
        return void this.#stop(running);
      case "kill":
        return this.#kill(running);
    }
  }

  async #stop(running: Running): Promise<void> {
    try {
      await running.stop();
    } catch {
      if (!this.#hasEnded) this.#kill(running);
    }
  }

  #kill(running: Running): void {
    try {
      running.kill();
    } catch (thrown) {
      this.#end(failed(`It could not be killed: ${errorMessage(thrown)}`));
    }
  }

  #end(end: End): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.onEnded(end);
  }
}

const failed = (sentence: string): End => ({ reason: "failed", sentence });
