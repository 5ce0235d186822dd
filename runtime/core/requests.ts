/**
 * Requests of a shard's actors to services, until each has its outcome.
 *
 * 1. Numbers are dense per shard, in the order of the turns that ask: every replay gives the same ones.
 * 2. A request is handed over for sending only after the checkpoint that contains it is confirmed. After a claim all
 *    open ones are handed over again: a service is asked at least once, under a number that stays the same.
 * 3. A request has one outcome: `close` takes it out, and knows no number twice.
 * 4. So many are open at most, of so much text; `open` refuses the others. That depends on the fold alone.
 */

import type { Address, Json, ServiceAnswer } from "./actor.ts";
import type { OpenRequest } from "./checkpoint.ts";
import type { ServiceReply } from "./control.ts";
import { maxRequestDeadlineMs, maxRequestUnits, type ShardLimits } from "./limits.ts";

function unitsOf({ body, kind, id, service }: OpenRequest): number {
  return body.length + kind.length + id.length + service.length;
}

export class Requests {
  readonly #limits: ShardLimits;
  readonly #open = new Map<number, OpenRequest>();
  #units = 0;
  #lastNumber: number;
  /** The last number of which a checkpoint was made: what is open above it has no row yet. */
  #lastSaved: number;
  /** Opened since the last checkpoint was made. */
  #gathered: OpenRequest[] = [];
  /** Closed since then, of those that have a row. */
  #done: number[] = [];
  #sendable: OpenRequest[] = [];

  /** `rows`: those a claim found. */
  constructor(limits: ShardLimits, lastNumber: number, rows: readonly OpenRequest[]) {
    this.#limits = limits;
    this.#lastNumber = lastNumber;
    this.#lastSaved = lastNumber;
    for (const request of rows) this.#add(request);
    this.confirmed(rows);
  }

  #add(request: OpenRequest): void {
    this.#open.set(request.n, request);
    this.#units += unitsOf(request);
  }

  get size(): number {
    return this.#open.size;
  }

  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** A checkpoint is waited for: by requests that are to leave, or lest a crash has closed ones made again. */
  get isGathering(): boolean {
    return this.#gathered.length > 0 || this.#done.length > 0;
  }

  isOpen(n: number): boolean {
    return this.#open.has(n);
  }

  /** False: it has its number, but too many are open. */
  open(asked: Omit<OpenRequest, "n">): { readonly request: OpenRequest; readonly isOpen: boolean } {
    const request = { ...asked, n: ++this.#lastNumber };
    const { maxOpenRequests, maxOpenRequestUnits } = this.#limits;
    const isOpen = this.#open.size < maxOpenRequests && this.#units + unitsOf(request) <= maxOpenRequestUnits;
    if (isOpen) {
      this.#add(request);
      this.#gathered.push(request);
    }
    return { request, isOpen };
  }

  /** Null when it is not open. */
  close(n: number): OpenRequest | null {
    const request = this.#open.get(n);
    if (request === undefined) return null;
    this.#open.delete(n);
    this.#units -= unitsOf(request);
    if (n <= this.#lastSaved) this.#done.push(n);
    return request;
  }

  /** Closes what a service has replied to. Null for a repeat, a reply that is late, and one to another actor. */
  settle({ kind, id }: Address, { request: n, outcome }: ServiceReply): ServiceAnswer | null {
    const asked = this.#open.get(n);
    if (asked === undefined || asked.kind !== kind || asked.id !== id) return null;
    this.close(n);
    return { request: n, service: asked.service, ...outcome };
  }

  /** New requests for the checkpoint being made; what came and went since the last one is in none. */
  capture(): OpenRequest[] {
    const requests = this.#gathered.filter(({ n }) => this.#open.has(n));
    this.#gathered = [];
    this.#lastSaved = this.#lastNumber;
    return requests;
  }

  /** For the checkpoint being made, too. */
  takeDone(): number[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The checkpoint that contains `requests` is confirmed: they may be sent. */
  confirmed(requests: readonly OpenRequest[]): void {
    for (const request of requests) if (this.#open.has(request.n)) this.#sendable.push(request);
  }

  takeSendable(): OpenRequest[] {
    const sendable = this.#sendable;
    this.#sendable = [];
    return sendable;
  }
}

export function timedOut({ n, service }: OpenRequest): ServiceAnswer {
  const detail = `${service} has not answered in time`;
  return { request: n, service, type: "failed", code: "timeout", detail };
}

/** The outcome of a request that `open` refused. */
export function refused({ n, service }: OpenRequest, { maxOpenRequests }: ShardLimits): ServiceAnswer {
  const detail =
    `The actors of a shard wait for ${maxOpenRequests} answers at most, and not for too much text`;
  return { request: n, service, type: "failed", code: "overloaded", detail };
}

/** A request's body as text; throws an error that says what is wrong with the request. */
export function requestText(service: string, body: Json, deadlineMs: number): string {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(service)) {
    throw new Error(`A service's name is 1 to 32 of a-z, 0-9, "-", unlike ${JSON.stringify(service)}`);
  }
  if (!(deadlineMs > 0 && deadlineMs <= maxRequestDeadlineMs)) {
    throw new Error(
      `A request's deadline is above 0 and at most ${maxRequestDeadlineMs} ms from now, not ${deadlineMs}`,
    );
  }
  const text = JSON.stringify(body);
  if (text === undefined) throw new Error(`A request to ${service} has a body of JSON, not ${String(body)}`);
  if (text.length > maxRequestUnits) {
    throw new Error(
      `A request's body has at most ${maxRequestUnits} units of JSON text; this one to ${service} has ${text.length}`,
    );
  }
  return text;
}
