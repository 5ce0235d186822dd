/**
 * The services of a node, and the way of requests to them and of outcomes back into the log. See `service.ts`.
 *
 * 1. A request that is under way is not begun once more when its shard, taken over, asks again; and one whose outcome is
 *    in the log neither, as far as that is remembered.
 * 2. An outcome is appended until the log has taken it or the request's deadline is over. The shard folds it once,
 *    however often it comes.
 * 3. A request whose shard has become another node's is not begun any more: that node is asked. What is under way goes on,
 *    and its outcome is appended.
 * 4. `close` leaves what is under way to the next start of the node.
 */

import type { ServiceOutcome } from "../core/actor.ts";
import type { Piece } from "./batch.ts";
import { replyPiece } from "./control.ts";
import type { ShardRequest } from "./host_protocol.ts";
import { maxAnsweredRemembered, serviceBackoff, serviceIntensity } from "./limits.ts";
import type { Report } from "./notice.ts";
import { retry } from "./retry.ts";
import type { Service } from "./service.ts";
import { failure, type Job, ServiceLane } from "./service_lane.ts";
import type { supervisorChild } from "./supervisor.ts";
import type { TimerClock } from "./timer_clock.ts";
import { Trouble } from "./trouble.ts";

/** What has become of a request; "late": nothing, before its deadline. */
export type RequestEnd = "answered" | "late" | Extract<ServiceOutcome, { type: "failed" }>["code"];

export interface ServicesParts {
  readonly services: readonly Service[];
  readonly shardCount: number;
  /** Whether the shard is this node's. */
  isOwn(shard: number): boolean;
  readonly clock: TimerClock;
  /** Epoch milliseconds. */
  logNowMs(): number;
  /** Resolves when the piece is durable. */
  send(piece: Piece): Promise<void>;
  /** `service`: null for one that there is not. */
  onEnd(service: string | null, end: RequestEnd): void;
  readonly report: Report;
}

interface Registered {
  readonly lane: ServiceLane;
  readonly trouble: Trouble;
}

export class Services {
  readonly #parts: ServicesParts;
  readonly #byName: ReadonlyMap<string, Registered>;
  /** Ids of requests that have no outcome in the log yet. */
  readonly #underWay = new Set<string>();
  /** Ids of those that have, the last ones. */
  readonly #answered = new Set<string>();
  /** Ends the pauses between attempts at an append. */
  readonly #pauses = new Set<() => void>();
  #isClosed = false;

  constructor(parts: ServicesParts) {
    this.#parts = parts;
    this.#byName = new Map(parts.services.map((service) => [service.name, this.#register(service)]));
  }

  #register(service: Service): Registered {
    const { clock, report } = this.#parts;
    const { name } = service;
    const trouble = new Trouble({
      clock,
      component: `service ${name}`,
      event: "service-down",
      end: `The service ${name} answers again.`,
      report,
    });
    const lane = new ServiceLane({
      service,
      clock,
      logNowMs: () => this.#parts.logNowMs(),
      isOwn: (shard) => this.#parts.isOwn(shard),
      left: ({ id }) => this.#underWay.delete(id),
      settled: (job, outcome) => {
        if (outcome?.type === "answered") trouble.succeeded();
        this.#settle(name, job, outcome);
      },
      onFailed: (sentence) => {
        const found = `The service ${name} is down: ${sentence.replace(/\.$/, "")}.`;
        trouble.failed("down", `${found} It is started again; its requests wait meanwhile.`);
      },
    });
    return { lane, trouble };
  }

  /** By name. */
  get lanes(): ReadonlyMap<string, Pick<ServiceLane, "isUp" | "waiting" | "inFlight">> {
    return new Map([...this.#byName].map(([name, { lane }]) => [name, lane]));
  }

  /**
   * For the tree: nothing but this supervisor starts a service. It needs no notices; `report` tells of all. No end
   * counts, so that it never gives up: a node without its mailer is better than none.
   */
  supervised(): Parameters<typeof supervisorChild>[0] {
    return {
      id: "requested",
      restart: "permanent",
      strategy: "one_for_one",
      intensity: serviceIntensity,
      backoff: serviceBackoff,
      children: [...this.#byName.values()].map(({ lane }) => lane.child()),
    };
  }

  /** A shard asks, perhaps again. */
  request(request: ShardRequest): void {
    const { shard, n, service } = request;
    const job: Job = { id: `${shard}.${n}`, request };
    if (this.#isClosed || this.#underWay.has(job.id) || this.#answered.has(job.id)) return;
    this.#underWay.add(job.id);
    const registered = this.#byName.get(service);
    if (registered === undefined) {
      const known = [...this.#byName.keys()].join(", ") || "none";
      const detail = `There is no service "${service}" in this node; there is: ${known}`;
      this.#settle(null, job, failure("unknown-service", detail));
    } else if (!registered.lane.add(job)) {
      const detail = `As many requests to ${service} wait as may; it is ${
        registered.lane.isUp ? "busy" : "down"
      }`;
      this.#settle(service, job, failure("overloaded", detail));
    }
  }

  #settle(service: string | null, job: Job, outcome: ServiceOutcome | null): void {
    this.#parts.onEnd(
      service,
      outcome === null ? "late" : outcome.type === "failed" ? outcome.code : "answered",
    );
    if (outcome === null) this.#underWay.delete(job.id);
    else void this.#reply(job, outcome);
  }

  async #reply({ id, request }: Job, outcome: ServiceOutcome): Promise<void> {
    const { clock, logNowMs, send, shardCount } = this.#parts;
    const { n, from, dueMs } = request;
    const piece = replyPiece(from, { request: n, outcome }, shardCount);
    const appended = await retry(() => send(piece), {
      clock: { nowMs: () => clock.nowMs(), sleep: (durationMs) => this.#pause(durationMs) },
      isWanted: () => !this.#isClosed && logNowMs() < dueMs,
      goesOn: () => true,
    });
    this.#underWay.delete(id);
    if (appended.type === "done") this.#remember(id);
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#parts.clock.after(durationMs, end);
      this.#pauses.add(end);
    });
  }

  #remember(id: string): void {
    this.#answered.add(id);
    if (this.#answered.size <= maxAnsweredRemembered) return;
    for (const oldest of this.#answered) {
      this.#answered.delete(oldest);
      return;
    }
  }

  /** Begins and answers nothing from now on. What is supervised ends with its supervisor. */
  close(): void {
    this.#isClosed = true;
    for (const { lane } of this.#byName.values()) lane.close();
    for (const end of this.#pauses) end();
  }
}
