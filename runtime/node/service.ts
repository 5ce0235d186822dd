/**
 * What actors ask for things that no actor may do: a service does I/O. Given to the engine as `EngineOptions.services`.
 *
 * 1. A service is asked at least once: again when it died before it had answered, and when the node was started again.
 *    The request then has the same id, so that a service which must not do a thing twice can tell.
 * 2. While it is down its requests wait, in order, each until its deadline and so many at most. It is started again
 *    with growing pauses, for as long as it takes: a service that is down takes nothing else with it. A request that
 *    kills it every time holds up those behind it until its deadline.
 * 3. A request that has to come after another is made when the other is answered: with a `concurrency` above 1 they
 *    overtake each other, and those under way in a service that died are done once more.
 */

import type { Address, Json } from "../core/actor.ts";
import type { End } from "../core/supervision_api.ts";
import type { Running } from "./supervised_life.ts";

export interface ServiceRequest {
  /** `shard.number`, the same whenever the request comes again. */
  readonly id: string;
  readonly from: Address;
  readonly body: Json;
  /** Log time, epoch milliseconds. */
  readonly dueMs: number;
}

/** A service that is up. When `ended` settles, it is started again. */
export interface RunningService extends Running {
  /**
   * Answers a request. What it throws is the request's failure, in the words of the error; but a `ServiceDownError`
   * says that the service itself is at its end: it is killed, and what it had in hand waits for the next one.
   *
   * @param signal aborts at the request's deadline, and when the service ends. Nobody waits for the answer then; a
   *   service that goes on with it for `serviceGraceMs` all the same is killed.
   */
  handle(request: ServiceRequest, signal: AbortSignal): Promise<Json>;
}

export interface Service {
  /** As actors name it: 1 to 32 of a-z, 0-9, "-". */
  readonly name: string;
  /** Requests in its hands at a time. */
  readonly concurrency: number;
  /** Requests that wait besides those; above it they fail as "overloaded". */
  readonly maxWaiting: number;
  /** Resolves when it can take requests, `serviceStartMs` from now at the latest. */
  start(signal: AbortSignal): Promise<RunningService>;
}

/**
 * A service that is no more than a function: it is always up, unless the function throws a `ServiceDownError`.
 *
 * @example
 * const clock = serviceOf({ name: "clock", concurrency: 1, maxWaiting: 100 }, () => Promise.resolve(Date.now()));
 */
export function serviceOf(
  settings: Pick<Service, "name" | "concurrency" | "maxWaiting">,
  handle: RunningService["handle"],
): Service {
  const start = () => {
    const { promise: ended, resolve } = Promise.withResolvers<End>();
    const end = () => resolve({ reason: "normal", sentence: "It was stopped" });
    return Promise.resolve({ ended, stop: end, kill: end, handle });
  };
  return { ...settings, start };
}

/** Thrown by `handle`: the service cannot go on. */
export class ServiceDownError extends Error {
  override readonly name = "ServiceDownError";
}

/** Throws an error that says what is wrong with the services. */
export function checkServices(services: readonly Service[]): void {
  const names = new Set<string>();
  for (const { name, concurrency, maxWaiting } of services) {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
      throw new Error(`A service's name is 1 to 32 of a-z, 0-9, "-", unlike ${JSON.stringify(name)}`);
    }
    if (names.has(name)) throw new Error(`There are two services "${name}"; a name is for one`);
    names.add(name);
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new Error(`The service ${name} has a concurrency of ${concurrency}; 1 is the least`);
    }
    if (!Number.isInteger(maxWaiting) || maxWaiting < 0) {
      throw new Error(`The service ${name} lets ${maxWaiting} requests wait; 0 is the least`);
    }
  }
}
