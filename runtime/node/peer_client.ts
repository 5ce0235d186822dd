/**
 * Calls of other nodes: one JSON body there, one back, within bounds.
 *
 * 1. Every call settles: with a reply of the protocol, or with a `HopError`, which says nothing of what was asked.
 * 2. At most `maxHops` calls of one node are under way, each on a connection of its own; others wait for one of them.
 * 3. A call ends when its signal is aborted, and the asked node hears of that.
 */

import { errorMessage } from "../core/errors.ts";
import type { z } from "zod";
import { Fifo } from "../core/fifo.ts";
import { unlessAborted } from "../unless_aborted.ts";
import { hopIdleMs, maxHops, maxIdleHops, maxReplyBytes } from "./limits.ts";

/** Why a node gave no reply. */
export class HopError extends Error {
  override readonly name = "HopError";
  /** `isLasting`: somebody has to mend it. */
  constructor(message: string, readonly isLasting = false, options?: ErrorOptions) {
    super(message, options);
  }
}

/** As `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Connections {
  readonly fetch: Fetch;
  close(): void;
}

/** `fetch` on connections of their own, which are kept. */
export function peerConnections(): Connections {
  // HTTP/1.1: on one connection of HTTP/2, large answers would hold up small ones; measured, it also costs twice the time.
  const client = Deno.createHttpClient({
    http2: false,
    poolMaxIdlePerHost: maxIdleHops,
    poolIdleTimeout: hopIdleMs,
  });
  return { fetch: (url, init) => fetch(url, { ...init, client }), close: () => client.close() };
}

/** Lets so many through at a time. */
class Gate {
  #free = maxHops;
  readonly #line = new Fifo<() => void>();

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  leave(): void {
    const next = this.#line.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

export class PeerClient {
  readonly #fetch: Fetch;
  readonly #headers: Readonly<Record<string, string>>;
  /** By url. */
  readonly #gates = new Map<string, Gate>();

  constructor(fetch: Fetch, secret: string) {
    this.#fetch = fetch;
    this.#headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  }

  async call<T>(
    url: string,
    path: string,
    body: unknown,
    reply: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> {
    let gate = this.#gates.get(url);
    if (gate === undefined) this.#gates.set(url, gate = new Gate());
    await gate.enter();
    try {
      const init = { method: "POST", headers: this.#headers, body: JSON.stringify(body), signal };
      return await read(await this.#fetch(url + path, init), reply, signal);
    } catch (thrown) {
      if (thrown instanceof HopError) throw thrown;
      throw new HopError(signal.aborted ? "it does not answer" : errorMessage(thrown), false, {
        cause: thrown,
      });
    } finally {
      gate.leave();
    }
  }

  /** Nodes come and go under new addresses: those that are not in use any more are forgotten. */
  keepOnly(urls: ReadonlySet<string>): void {
    for (const url of this.#gates.keys()) if (!urls.has(url)) this.#gates.delete(url);
  }
}

async function read<T>(response: Response, reply: z.ZodType<T>, signal: AbortSignal): Promise<T> {
  const { status, headers } = response;
  const bytes = Number(headers.get("content-length") ?? Infinity);
  if (status !== 200 || !(bytes <= maxReplyBytes)) {
    await response.body?.cancel();
    throw status === 200 ? new HopError("its reply is longer than it may be") : refusal(status);
  }
  // `fetch` may have lost the signal by now (`body_chunks.ts`). Reading by chunks would double what a call costs.
  const body = await unlessAborted<unknown>(response.json(), signal);
  signal.throwIfAborted();
  const parsed = reply.safeParse(body);
  if (!parsed.success) throw new HopError("its reply is none of the protocol: it may be of another version");
  return parsed.data;
}

function refusal(status: number): HopError {
  switch (status) {
    case 401:
      return new HopError("it does not take the secret: it belongs to another cluster, or is no node", true);
    case 503:
      return new HopError("it is starting or stopping");
    default:
      return new HopError(`it answered with status ${status}`);
  }
}
