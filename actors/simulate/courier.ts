/**
 * Carries bodies to the server over one connection, each until it is answered.
 *
 * 1. A body without an answer, or answered with 429 or 5xx, is sent again: same text, same key. Where the server is at
 *    several addresses, to the next one.
 * 2. A body's latency counts from when it was due, so a server that stalls pays for those who waited (G. Tene,
 *    "How NOT to measure latency").
 */

import { errorMessage } from "../../runtime/core/errors.ts";
import { HttpConnection } from "./http_connection.ts";
import type { Latencies } from "./latency.ts";
import { attemptTimeoutMs, firstRetryMs, giveUpMs, maxRetryAfterMs, maxRetryMs } from "./limits.ts";
import { pause } from "../pause.ts";
import type { Body } from "./stream.ts";

/** Where to send, and how. */
export interface Target {
  readonly url: URL;
  /** Where else the same actors are served: couriers spread over all of them. */
  readonly others?: readonly URL[];
  readonly token: string | null;
  readonly connections: number;
}

/** Counted while sending, shared by all connections. */
export interface Tally {
  /** Readings in bodies that were sent, once each. */
  sent: number;
  accepted: number;
  refused: number;
  /** Attempts that were not the first of their body. */
  repeatedBodies: number;
  /** Bodies on their way. */
  underWay: number;
  readonly latencies: Latencies;
  /** When a body was last accepted, on the clock of `performance.now`; null before the first. */
  lastAcceptedAtMs: number | null;
  /** Since when nothing answers, on the same clock; null while something does. */
  silentSinceMs: number | null;
  /** Why the last refusal, or the last attempt without success. */
  lastTrouble: string | null;
}

export interface CourierOptions {
  readonly target: Target;
  readonly isImport: boolean;
  readonly tally: Tally;
  /** Aborts waiting for answers. */
  readonly abandon: AbortSignal;
}

export type Outcome =
  | { readonly type: "accepted"; readonly rejected: readonly number[] }
  | { readonly type: "refused" }
  | { readonly type: "unanswered" };

/** Answers that refuse this body; any other refusal would meet every body, and ends the run. */
const bodyIsAtFault: ReadonlySet<number> = new Set([400, 413, 415, 422]);

class WrongTargetError extends Error {
  override readonly name = "WrongTargetError";
}

/** The answer of `POST /readings`, as far as it matters here. */
function parseAccepted(text: string): { accepted: number; rejected: number[]; trouble: string | null } {
  const answer: unknown = JSON.parse(text);
  if (
    typeof answer !== "object" || answer === null || !("accepted" in answer) || !("rejected" in answer) ||
    typeof answer.accepted !== "number" || !Array.isArray(answer.rejected)
  ) {
    throw new Error(`The answer 202 is not {accepted, rejected}: ${text.slice(0, 200)}`);
  }
  const rejected = answer.rejected.map((item: { index: number }) => item.index);
  return {
    accepted: answer.accepted,
    rejected,
    trouble: rejected.length === 0 ? null : JSON.stringify(answer.rejected[0]),
  };
}

export class Courier {
  readonly #connections: readonly HttpConnection[];
  /** Of the connections. */
  #current: number;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #target: string;

  /** @param number of the courier: the first goes to the first address, and so on */
  constructor(readonly options: CourierOptions, number: number) {
    const { target: { url, others = [], token }, isImport } = options;
    this.#connections = [url, ...others].map((each) => new HttpConnection(each));
    this.#current = number % this.#connections.length;
    this.#target = `${url.pathname.replace(/\/$/, "")}/readings${isImport ? "?import=1" : ""}`;
    this.#headers = {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    options.abandon.addEventListener("abort", () => this.close(), { once: true });
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** @param dueAtMs when the body was due, on the clock of `performance.now` */
  async send(body: Body, dueAtMs: number): Promise<Outcome> {
    const { tally } = this.options;
    tally.sent += body.readings;
    tally.underWay++;
    try {
      return await this.#untilAnswered(body, dueAtMs);
    } finally {
      tally.underWay--;
    }
  }

  async #untilAnswered(body: Body, dueAtMs: number): Promise<Outcome> {
    const { tally, abandon } = this.options;
    const begunAtMs = performance.now();
    for (let retryMs = firstRetryMs;; retryMs = Math.min(maxRetryMs, retryMs * 2)) {
      let waitMs = retryMs;
      try {
        const answer = await this.#connections[this.#current]!.request({
          method: "POST",
          target: this.#target,
          headers: { ...this.#headers, "idempotency-key": body.key },
          body: body.text,
          timeoutMs: attemptTimeoutMs,
        });
        tally.silentSinceMs = null;
        const outcome = this.#judge(body, answer.status, answer.text, dueAtMs);
        if (outcome !== null) return outcome;
        if (answer.retryAfterS !== null) waitMs = Math.min(maxRetryAfterMs, answer.retryAfterS * 1000);
      } catch (thrown) {
        if (thrown instanceof WrongTargetError) throw thrown;
        tally.lastTrouble = errorMessage(thrown);
        tally.silentSinceMs ??= performance.now();
      }
      if (abandon.aborted) return { type: "unanswered" };
      this.#current = (this.#current + 1) % this.#connections.length;
      // An overloaded server may leave one body waiting for long while it accepts others: that is no reason.
      if (performance.now() - Math.max(begunAtMs, tally.lastAcceptedAtMs ?? 0) > giveUpMs) {
        throw new Error(`No body was accepted for ${giveUpMs / 1000} s: ${tally.lastTrouble}`);
      }
      await pause(waitMs, abandon);
      tally.repeatedBodies++;
    }
  }

  /** Null: send it again. */
  #judge(body: Body, status: number, text: string, dueAtMs: number): Outcome | null {
    const { tally } = this.options;
    if (status === 202) {
      const { accepted, rejected, trouble } = parseAccepted(text);
      tally.lastAcceptedAtMs = performance.now();
      tally.latencies.add(tally.lastAcceptedAtMs - dueAtMs);
      tally.accepted += accepted;
      tally.refused += rejected.length;
      tally.lastTrouble = trouble ?? tally.lastTrouble;
      return { type: "accepted", rejected };
    }
    tally.lastTrouble = `${status} ${text.slice(0, 200)}`;
    if (status === 429 || status >= 500) return null;
    if (!bodyIsAtFault.has(status)) {
      throw new WrongTargetError(`${this.#target} answers ${tally.lastTrouble}`);
    }
    tally.refused += body.readings;
    return { type: "refused" };
  }
}
