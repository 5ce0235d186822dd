/**
 * How much a second one client address may ask and send: a request counts one, a body as many as it has items.
 *
 * 1. A request is refused before anything of it is looked at, its token included, while its client has to wait.
 * 2. Every answer says what is left, in the fields of draft-ietf-httpapi-ratelimit-headers-10.
 */

import { hashId } from "../../runtime/core/id_hash.ts";
import { clientBlock, clientOf, type TrustedProxies } from "./client_address.ts";
import { rateBurstSeconds } from "./limits.ts";
import type { RateLimiter } from "./rate_limiter.ts";
import { rateProblem } from "./rate_problem.ts";

/** One request of a client. */
export interface Visit {
  /** Counts the items of its body, of which the request itself was the first. */
  brought(items: number): void;
  /** Adds what is left to the answer's headers. */
  tell(headers: Headers): void;
}

export const uncounted: Visit = { brought: () => {}, tell: () => {} };

export interface ClientLimitsOptions {
  readonly limiter: RateLimiter;
  readonly proxies: TrustedProxies;
  nowMs(): number;
}

export class ClientLimits {
  readonly #options: ClientLimitsOptions;

  constructor(options: ClientLimitsOptions) {
    this.#options = options;
  }

  /**
   * The client's visit, to which nothing is counted yet.
   *
   * @param peer the address at the other end of the connection
   */
  visit(request: Request, peer: string): CountedVisit {
    const { limiter, proxies, nowMs } = this.#options;
    const client = clientBlock(clientOf(peer, request.headers.get("x-forwarded-for"), proxies));
    return new CountedVisit(client, limiter, nowMs);
  }
}

export class CountedVisit implements Visit {
  readonly #client: string;
  readonly #key: number;
  readonly #limiter: RateLimiter;
  readonly #nowMs: () => number;

  constructor(client: string, limiter: RateLimiter, nowMs: () => number) {
    this.#client = client;
    this.#key = hashId(client);
    this.#limiter = limiter;
    this.#nowMs = nowMs;
  }

  /** Counts the request. Throws a problem when the client has to wait. */
  begin(): void {
    const nowMs = this.#nowMs();
    if (this.#limiter.take(this.#key, nowMs)) return;
    const { perSecond } = this.#limiter.rate;
    const detail = `${this.#client} asks and sends more than ${perSecond} requests and items a second.`;
    throw rateProblem(detail, this.#limiter.waitMs(this.#key, nowMs));
  }

  brought(items: number): void {
    if (items > 1) this.#limiter.charge(this.#key, items - 1, this.#nowMs());
  }

  tell(headers: Headers): void {
    const { burst, perSecond } = this.#limiter.rate;
    const left = this.#limiter.left(this.#key, this.#nowMs());
    headers.set("ratelimit-policy", `"client";q=${burst};w=${rateBurstSeconds}`);
    headers.set(
      "ratelimit",
      `"client";r=${Math.max(0, left)};t=${Math.ceil((burst - left) / perSecond)}`,
    );
  }
}
