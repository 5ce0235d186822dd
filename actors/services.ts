/** What of the program runs under the node's supervision: the ports it listens on, and its sources. */

import type { End } from "../runtime/core/supervision_api.ts";
import type { Child } from "../runtime/node/supervisor.ts";
import type { Listener } from "./cli/listen.ts";

/** Longer than any of them takes by its own deadlines. */
const stopMs = 10_000;
const startMs = 30_000;

const ended: End = { reason: "normal", sentence: "It ended." };

/**
 * A port, listened on.
 *
 * @param open the listener of the node's start, which could refuse the port
 * @param requestsMs how long requests under way may take at a stop
 */
export function listening(
  id: string,
  open: Listener,
  listenAgain: () => Promise<Listener>,
  requestsMs: number,
): Child {
  let first: Listener | null = open;
  return {
    id,
    restart: "permanent",
    startMs,
    stopMs,
    details: () => ({ url: open.url }),
    async start() {
      const listener = first ?? await listenAgain();
      first = null;
      return {
        ended: listener.finished.then(() => ended),
        stop: () => listener.close(requestsMs),
        kill: () => void listener.close(0),
      };
    },
  };
}

/** A source: `run` resolves once its signal is aborted and nothing is under way. */
export function source(id: string, run: (signal: AbortSignal) => Promise<void>): Child {
  return {
    id,
    restart: "permanent",
    startMs,
    stopMs,
    start() {
      const stopped = new AbortController();
      const stop = () => stopped.abort();
      return Promise.resolve({ ended: run(stopped.signal).then(() => ended), stop, kill: stop });
    },
  };
}
