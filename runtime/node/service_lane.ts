/**
 * The requests of one service: those that wait, and those in its hands.
 *
 * 1. Requests are begun in the order in which they came, as long as the service is up; those that it had in hand when it
 *    died are the first that the next one gets.
 * 2. `settled` is called once for each: with its outcome, or null when its deadline was over before. Instead, `left` is
 *    called for one that was not begun when its shard had become another node's, which begins it.
 * 3. At most `concurrency + maxWaiting` are here, wherever they stand: a restart refuses none that was taken before.
 */

import type { Json, ServiceOutcome } from "../core/actor.ts";
import { errorMessage } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";
import type { ShardRequest } from "./host_protocol.ts";
import { maxAnswerUnits, maxFailureUnits, serviceGraceMs, serviceStopMs } from "./limits.ts";
import { type RunningService, type Service, ServiceDownError } from "./service.ts";
import { ServiceLife } from "./service_life.ts";
import type { Child } from "./supervisor.ts";
import type { TimerClock } from "./timer_clock.ts";

export interface Job {
  /** See `ServiceRequest`. */
  readonly id: string;
  readonly request: ShardRequest;
}

export interface LaneParts {
  readonly service: Service;
  readonly clock: TimerClock;
  /** Epoch milliseconds. */
  logNowMs(): number;
  /** Whether the shard is this node's. */
  isOwn(shard: number): boolean;
  settled(job: Job, outcome: ServiceOutcome | null): void;
  left(job: Job): void;
  /** A life of the service has ended that should not have. */
  onFailed(sentence: string): void;
}

/** A request in the hands of a service. */
interface Handling {
  readonly job: Job;
  readonly abort: AbortController;
  cancelTimer(): void;
}

export class ServiceLane {
  readonly #parts: LaneParts;
  #waiting: Job[] = [];
  /** In the order in which they were begun. */
  readonly #handled = new Set<Handling>();
  #life: ServiceLife | null = null;
  /** The service while it is up. */
  #running: RunningService | null = null;
  #isClosed = false;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  get isUp(): boolean {
    return this.#running !== null;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get inFlight(): number {
    return this.#handled.size;
  }

  /** The service as the supervisor has it. */
  child(): Child {
    return {
      id: this.#parts.service.name,
      restart: "permanent",
      startMs: Infinity,
      stopMs: serviceStopMs,
      start: () => Promise.resolve(this.#start()),
      details: () => ({ isUp: this.isUp, waiting: this.waiting, inFlight: this.inFlight }),
    };
  }

  #start(): ServiceLife {
    const { service, clock } = this.#parts;
    const life: ServiceLife = new ServiceLife({
      service,
      clock,
      onUp: (running) => {
        this.#running = running;
        this.#begin();
      },
      onEnded: (end) => this.#ended(end),
    });
    this.#life = life;
    return life;
  }

  #ended({ reason, sentence }: End): void {
    this.#life = null;
    this.#running = null;
    const unfinished = [...this.#handled];
    this.#handled.clear();
    for (const { abort, cancelTimer } of unfinished) {
      cancelTimer();
      abort.abort();
    }
    if (this.#isClosed) return;
    this.#waiting = [...unfinished.map(({ job }) => job), ...this.#waiting];
    if (reason === "failed") this.#parts.onFailed(sentence);
  }

  /** False when there is no room. */
  add(job: Job): boolean {
    const { concurrency, maxWaiting } = this.#parts.service;
    const isFull = () => this.waiting + this.inFlight >= concurrency + maxWaiting;
    if (isFull()) this.#dropVain();
    if (isFull()) return false;
    this.#waiting.push(job);
    this.#begin();
    return true;
  }

  /** Nothing is begun or settled any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    for (const { abort } of this.#handled) abort.abort();
  }

  #isLate({ request }: Job): boolean {
    return this.#parts.logNowMs() >= request.dueMs;
  }

  /** Those that nobody waits for. */
  #dropVain(): void {
    this.#waiting = this.#waiting.filter((job) => !this.#isVain(job));
  }

  /** Tells of it if so. */
  #isVain(job: Job): boolean {
    const { isOwn, left, settled } = this.#parts;
    const isElsewhere = !isOwn(job.request.shard);
    if (isElsewhere) left(job);
    else if (this.#isLate(job)) settled(job, null);
    else return false;
    return true;
  }

  #begin(): void {
    while (this.#running !== null && this.inFlight < this.#parts.service.concurrency) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      if (!this.#isVain(job)) void this.#handle(this.#running, job);
    }
  }

  async #handle(running: RunningService, job: Job): Promise<void> {
    const handling: Handling = { job, abort: new AbortController(), cancelTimer: () => {} };
    this.#handled.add(handling);
    this.#watch(handling);
    const outcome = await this.#outcome(running, handling);
    // Its service has died in the meantime: it waits for the next one.
    if (!this.#handled.has(handling)) return;
    if (outcome instanceof ServiceDownError) return this.#life?.fail(outcome.message);
    this.#handled.delete(handling);
    handling.cancelTimer();
    if (this.#isClosed) return;
    this.#parts.settled(job, this.#isLate(job) ? null : outcome);
    this.#begin();
  }

  async #outcome(
    running: RunningService,
    { job: { id, request }, abort }: Handling,
  ): Promise<ServiceOutcome | ServiceDownError> {
    const { from, body, dueMs } = request;
    try {
      const value = await running.handle({ id, from, body: JSON.parse(body), dueMs }, abort.signal);
      return answerOf(value);
    } catch (thrown) {
      return thrown instanceof ServiceDownError ? thrown : failure("failed", errorMessage(thrown));
    }
  }

  /** Aborts it at its deadline; what goes on with it then hangs. */
  #watch(handling: Handling): void {
    const { clock, logNowMs } = this.#parts;
    const leftMs = handling.job.request.dueMs - logNowMs();
    // The clock may call earlier when that is long.
    if (leftMs > 0) {
      handling.cancelTimer = clock.after(leftMs, () => this.#watch(handling));
      return;
    }
    handling.abort.abort();
    const hangs = `It went on with a request for ${serviceGraceMs / 1000} s after its deadline`;
    handling.cancelTimer = clock.after(serviceGraceMs, () => this.#life?.fail(hangs));
  }
}

export function failure(
  code: Extract<ServiceOutcome, { type: "failed" }>["code"],
  detail: string,
): ServiceOutcome {
  return { type: "failed", code, detail: detail.slice(0, maxFailureUnits).toWellFormed() };
}

/** What a service answered; it is not ours, and may answer anything. */
function answerOf(value: Json): ServiceOutcome {
  const text = JSON.stringify(value);
  if (text === undefined) return failure("failed", `It answered ${typeof value}, which is not JSON`);
  if (text.length <= maxAnswerUnits) return { type: "answered", value: JSON.parse(text) };
  return failure(
    "failed",
    `Its answer has ${text.length} units of JSON text; ${maxAnswerUnits} may come back`,
  );
}
