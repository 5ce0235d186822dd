/**
 * Sends bodies, lane by lane: those of a stream, or of somebody else who has some.
 *
 * 1. A lane's bodies are sent one after another, so every sensor's readings arrive in order.
 * 2. Pacing is open: a body is due by the plan, not by the answers before it.
 */

import { Courier, type Outcome, type Tally, type Target } from "./courier.ts";
import type { Layout } from "./layout.ts";
import type { BodyPlace, StreamLedger } from "./ledger.ts";
import { pause } from "../pause.ts";
import type { Body } from "./stream.ts";

/** What is sent. */
export interface Bodies {
  readonly layout: Pick<Layout, "lanes" | "bodiesIn">;
  body(lane: number, body: number): Body;
}

/** What became of it. */
export type Settlement = Omit<StreamLedger, "plan" | "stream">;

export interface SendOptions {
  /** Whether the server is told that it imports what is past. */
  readonly isImport: boolean;
  readonly target: Target;
  readonly tally: Tally;
  /** False: as fast as answers come. */
  readonly isPaced: boolean;
  /** No body due later than this after the start, and none begun later, is sent. */
  readonly forMs: number;
  /** Aborts new bodies; those under way are waited for. */
  readonly stop: AbortSignal;
  /** Aborts waiting for answers. */
  readonly abandon: AbortSignal;
}

interface OpenLedger {
  readonly settled: number[];
  readonly refused: BodyPlace[];
  readonly unanswered: BodyPlace[];
  readonly rejected: (BodyPlace & { index: number })[];
}

/** Notes the outcome; true when the lane may go on. */
function settle(ledger: OpenLedger, place: BodyPlace, outcome: Outcome): boolean {
  ledger.settled[place.lane]!++;
  switch (outcome.type) {
    case "accepted":
      for (const index of outcome.rejected) ledger.rejected.push({ ...place, index });
      return true;
    case "refused":
      ledger.refused.push(place);
      return true;
    case "unanswered":
      ledger.unanswered.push(place);
      return false;
  }
}

/** Sends the bodies of lanes `first`, `first + connections`, ... in the order in which they are due. */
async function sendLanes(
  bodies: Bodies,
  options: SendOptions,
  ledger: OpenLedger,
  first: number,
  startedAtMs: number,
): Promise<void> {
  const { target: { connections }, stop, isPaced, forMs } = options;
  const courier = new Courier(options, first);
  try {
    for (let round = 0;; round++) {
      let hasMore = false;
      for (let lane = first; lane < bodies.layout.lanes; lane += connections) {
        if (round >= bodies.layout.bodiesIn(lane)) continue;
        const body = bodies.body(lane, round);
        const dueMs = isPaced ? body.dueMs : performance.now() - startedAtMs;
        if (dueMs >= forMs) return;
        await pause(startedAtMs + dueMs - performance.now(), stop);
        if (stop.aborted) return;
        const outcome = await courier.send(body, startedAtMs + dueMs);
        if (!settle(ledger, { lane, body: round }, outcome)) return;
        hasMore = true;
      }
      if (!hasMore) return;
    }
  } finally {
    courier.close();
  }
}

/** Sends until there are no more, their time ends, or `stop` aborts; rejects when a body's retries are used up. */
export async function sendBodies(bodies: Bodies, options: SendOptions): Promise<Settlement> {
  const lanes = bodies.layout.lanes;
  const ledger: OpenLedger = {
    settled: new Array<number>(lanes).fill(0),
    refused: [],
    unanswered: [],
    rejected: [],
  };
  const startedAtMs = performance.now();
  const connections = Math.min(options.target.connections, lanes);
  // The first to fail stops the others: without it they would go on sending for nobody.
  const failure = new AbortController();
  const shared = {
    ...options,
    target: { ...options.target, connections },
    stop: AbortSignal.any([options.stop, failure.signal]),
  };
  const sending = Array.from(
    { length: connections },
    (_, first) =>
      sendLanes(bodies, shared, ledger, first, startedAtMs).catch((thrown) => {
        failure.abort();
        throw thrown;
      }),
  );
  const failed = (await Promise.allSettled(sending)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return ledger;
}
