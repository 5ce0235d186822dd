/** What a request meets before anything of it is looked at: its turn, and what its client may ask for. */

import type { TrustedProxies } from "./client_address.ts";
import { ClientLimits, uncounted, type Visit } from "./client_limits.ts";
import { clientRateSetBits, type HttpLimits, rateBurstSeconds, refusalPauseMs } from "./limits.ts";
import { RateLimiter } from "./rate_limiter.ts";
import { type Connection, failed, type Fetch, type Shared } from "./shared.ts";
import type { Turns } from "./turns.ts";

/** Requests are answered in turns, with the event loop's between them; one that waited too long is refused. */
export function inTurn(answer: Fetch, turns: Turns, shared: Shared): Fetch {
  return async (request, connection) => {
    let response: Response;
    try {
      response = await turns.take(() => answer(request, connection));
    } catch (thrown) {
      response = failed(thrown, request, shared);
      shared.metrics.answered("any", response.status);
    }
    if (request.method === "POST") {
      if (response.status >= 400) await shared.rests.read(request);
      // Who does not wait by itself is made to: refusing could take all the time there is.
      if (response.status === 503) await new Promise((resolve) => setTimeout(resolve, refusalPauseMs));
    }
    return response;
  };
}

/** Answers one request of a client's. */
export type Answer = (request: Request, visit: Visit) => Response | Promise<Response>;

export function clientLimits(
  { maxRatePerClient }: HttpLimits,
  proxies: TrustedProxies,
  nowMs: () => number,
): ClientLimits | null {
  if (maxRatePerClient === null) return null;
  const rate = { perSecond: maxRatePerClient, burst: maxRatePerClient * rateBurstSeconds };
  return new ClientLimits({ limiter: new RateLimiter(rate, clientRateSetBits), proxies, nowMs });
}

/** A client that asks and sends too much is refused before anything else of its request is looked at. */
export function withClientLimits(answer: Answer, clients: ClientLimits | null, shared: Shared): Fetch {
  if (clients === null) return (request) => answer(request, uncounted);
  return async (request, connection) => {
    const visit = clients.visit(request, peerOf(connection));
    let response: Response;
    try {
      visit.begin();
      response = await answer(request, visit);
    } catch (thrown) {
      response = failed(thrown, request, shared);
      shared.metrics.answered("any", response.status);
    }
    visit.tell(response.headers);
    return response;
  };
}

/** The address at the other end; of a socket file, whose clients are one, none. */
function peerOf(connection: Connection | undefined): string {
  const address = connection?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : "local";
}
