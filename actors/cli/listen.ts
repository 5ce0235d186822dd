/** Listens on the ports of a node, and tells in a sentence when that cannot be. */

import { listenRefusal, type PortSetting, reachableUrl } from "./ports.ts";

export type Fetch = (request: Request, connection: Deno.ServeHandlerInfo) => Response | Promise<Response>;

export interface Listener {
  /** As this machine reaches it, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Resolves when it listens no more and no request is under way, or was given up on. */
  readonly finished: Promise<void>;
  /** Takes no new connections, lets requests under way end, and gives up on them after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>;
}

/** Throws a `Refusal` when the port cannot be bound. */
export async function listen(host: string, setting: PortSetting, fetch: Fetch): Promise<Listener> {
  const { port, isShared = false } = setting;
  try {
    // A listener that says nothing: the start table names all addresses at once.
    const server = Deno.serve({ hostname: host, port, reusePort: isShared, onListen: () => {} }, fetch);
    const late = Promise.withResolvers<void>();
    return {
      url: reachableUrl(host, server.addr.port),
      port: server.addr.port,
      finished: Promise.race([server.finished, late.promise]),
      async close(deadlineMs) {
        const timer = setTimeout(late.resolve, deadlineMs);
        await Promise.race([server.shutdown(), late.promise]);
        clearTimeout(timer);
      },
    };
  } catch (error) {
    throw await listenRefusal(error, host, setting);
  }
}
