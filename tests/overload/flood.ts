/**
 * Senders that do not wait: each body is sent again at once when it is refused, whatever `Retry-After` says.
 *
 * 1. A lane's bodies are sent one after another over a connection of its own, each until it is accepted.
 * 2. What was accepted and what was not is in a ledger, by which it can be verified.
 */

import { errorMessage } from "../../runtime/core/errors.ts";
import { type HttpAnswer, HttpConnection } from "../../actors/simulate/http_connection.ts";
import { Latencies } from "../../actors/simulate/latency.ts";
import type { BodyPlace, StreamLedger } from "../../actors/simulate/ledger.ts";
import type { Plan } from "../../actors/simulate/plan.ts";
import { type Body, type Stream, streamOf } from "../../actors/simulate/stream.ts";

/** What is counted while a flood goes on. */
export class FloodTally {
  /** Readings in all attempts. */
  offered = 0;
  accepted = 0;
  /** Attempts refused, by status. */
  readonly refused = new Map<number, number>();
  /** Of attempts that were accepted, each from its own beginning. */
  readonly latencies = new Latencies();
  /** Refusals that should not be: another status, or no word of when to come again. */
  readonly wrong: string[] = [];
  /** Attempts without an answer, and why. */
  readonly unanswered: string[] = [];
}

export interface FloodOptions {
  readonly url: URL;
  readonly streams: number;
  readonly sensors: number;
  readonly bodyReadings: number;
  readonly tally: FloodTally;
  /** Called when everything is ready to be sent. */
  onStart(): void;
  /** Ends it: attempts under way are waited for. */
  readonly stop: AbortSignal;
}

const encoder = new TextEncoder();
const attemptTimeoutMs = 30_000;
const mayRefuse: readonly number[] = [429, 503];

/** Streams of the same sensors, told apart by when they begin: so one verification serves all. */
function planOf({ sensors, bodyReadings }: FloodOptions, n: number): Plan {
  return {
    seed: 1,
    sensors,
    originMs: Date.now() - n * streamDistanceMs,
    // In the readings' own time each sensor sends one a second.
    ratePerSecond: sensors,
    bodyReadings,
    historyMs: 0,
    panelRatio: 0.5,
    lateRatio: 0,
    outOfOrderRatio: 0,
    duplicateRatio: 0,
  };
}

const streamDistanceMs = 60_000;

/** The ledgers of all streams. */
export function flood(options: FloodOptions): Promise<readonly StreamLedger[]> {
  const plans = Array.from({ length: options.streams }, (_, n) => planOf(options, n));
  // The first bodies of all are made before any is sent: making them takes seconds, which are not the server's.
  const starts = plans.map((plan) => {
    const stream = streamOf(plan, "live");
    return { stream, first: Array.from({ length: stream.layout.lanes }, (_, lane) => stream.body(lane, 0)) };
  });
  options.onStart();
  return Promise.all(starts.map((start) => floodStream(start, options)));
}

interface Start {
  readonly stream: Stream;
  /** By lane. */
  readonly first: readonly Body[];
}

async function floodStream({ stream, first }: Start, options: FloodOptions): Promise<StreamLedger> {
  const settled = new Array<number>(stream.layout.lanes).fill(0);
  const refused: BodyPlace[] = [];
  const unanswered: BodyPlace[] = [];
  await Promise.all(settled.map(async (_, lane) => {
    const connection = new HttpConnection(options.url);
    try {
      for (let body = first[lane]!; !options.stop.aborted; body = stream.body(lane, settled[lane]!)) {
        const outcome = await sendUntilAccepted(connection, body, options);
        if (outcome === "refused") refused.push({ lane, body: settled[lane]! });
        if (outcome === "unanswered") unanswered.push({ lane, body: settled[lane]! });
        settled[lane]! += 1;
        if (outcome === "unanswered") return;
      }
    } finally {
      connection.close();
    }
  }));
  return { plan: stream.plan, stream: stream.name, settled, refused, unanswered, rejected: [] };
}

type Outcome = "accepted" | "refused" | "unanswered";

/** "refused" only when the flood has ended meanwhile. */
async function sendUntilAccepted(
  connection: HttpConnection,
  body: Body,
  { tally, stop }: FloodOptions,
): Promise<Outcome> {
  // An attempt that broke off may have been accepted, and only an answer tells.
  let isKnown = true;
  // Once: what is refused is sent again, and its sender has other things to do.
  const bytes = encoder.encode(body.text);
  for (;;) {
    const sentAtMs = performance.now();
    tally.offered += body.readings;
    try {
      const answer = await connection.request({
        method: "POST",
        target: "/readings",
        headers: { "content-type": "application/json", "idempotency-key": body.key },
        body: bytes,
        timeoutMs: attemptTimeoutMs,
      });
      if (answer.status === 202) {
        tally.accepted += body.readings;
        tally.latencies.add(performance.now() - sentAtMs);
        return "accepted";
      }
      note(tally, answer);
    } catch (thrown) {
      tally.unanswered.push(errorMessage(thrown));
      isKnown = false;
    }
    if (stop.aborted) return isKnown ? "refused" : "unanswered";
  }
}

const shownWrong = 10;

function note({ refused, wrong }: FloodTally, { status, retryAfterS, text }: HttpAnswer): void {
  refused.set(status, (refused.get(status) ?? 0) + 1);
  const isRight = mayRefuse.includes(status) && retryAfterS !== null && retryAfterS >= 1;
  if (!isRight && wrong.length < shownWrong) wrong.push(`${status} ${text.slice(0, 200)}`);
}
