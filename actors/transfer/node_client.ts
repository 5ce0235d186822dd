/**
 * What imports and exports say to a node.
 *
 * 1. A request is made again after an answer of 429 or 5xx, or none at all, until `giveUpMs` after the last success.
 * 2. Any other refusal that is not about the request alone, as of a token, is a `Refusal`, and ends the task.
 */

import { bodyText } from "../../runtime/body_chunks.ts";
import { fetchReason } from "../../runtime/fetch_reason.ts";
import { Refusal } from "../cli/refusal.ts";
import { pause } from "../pause.ts";
import { firstRetryMs, giveUpMs, maxRetryMs, requestTimeoutMs } from "./limits.ts";

export interface NodeClientOptions {
  readonly url: URL;
  readonly token: string | null;
  /** How refusals begin: "Cannot import". */
  readonly doing: string;
  /** Aborts waiting for another attempt. */
  readonly stop: AbortSignal;
  /** Hears why something is tried again. */
  onTrouble(sentence: string): void;
}

export interface Asked {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Answers that are about what was asked, for the caller to read. */
const ofRequest: ReadonlySet<number> = new Set([200, 202, 400, 404, 413]);

/** Interrupted while an attempt had failed. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

export class NodeClient {
  readonly #options: NodeClientOptions;
  #lastSuccessMs = performance.now();

  constructor(options: NodeClientOptions) {
    this.#options = options;
  }

  /** @param path with its query, after the node's address */
  async ask(path: string, asked: Asked = {}): Promise<Answer> {
    const { doing, url, stop, onTrouble } = this.#options;
    const begunMs = performance.now();
    for (let waitMs = firstRetryMs;; waitMs = Math.min(maxRetryMs, waitMs * 2)) {
      const { answer, trouble, retryMs } = await this.#attempt(path, asked);
      if (answer !== null) {
        this.#lastSuccessMs = performance.now();
        return answer;
      }
      if (stop.aborted) throw new Interrupted(trouble);
      if (performance.now() - Math.max(begunMs, this.#lastSuccessMs) > giveUpMs) {
        throw new Refusal(
          `${doing}: the node at ${url.origin} has taken nothing for ${giveUpMs / 1000} s: ${trouble}`,
        );
      }
      onTrouble(trouble);
      await pause(Math.max(waitMs, retryMs), stop);
    }
  }

  /** Throws a `Refusal` when nothing answers: a typing error should not look like a node that is restarting. */
  async checkReachable(): Promise<void> {
    const { url, doing } = this.#options;
    try {
      const response = await fetch(new URL("healthz", url), {
        signal: AbortSignal.timeout(requestTimeoutMs),
      });
      await response.body?.cancel();
    } catch (thrown) {
      throw new Refusal(
        `${doing}: nothing answers at ${url.origin} (${fetchReason(thrown)}). Start a node with ` +
          "`deno task start cluster`, or name another with --url.",
        { cause: thrown },
      );
    }
  }

  async #attempt(path: string, { method = "GET", headers = {}, body }: Asked) {
    const { url, token, doing } = this.#options;
    let response: Response;
    let text: string;
    const signal = AbortSignal.timeout(requestTimeoutMs);
    try {
      response = await fetch(new URL(path, url), {
        method,
        headers: { ...headers, ...token !== null && { authorization: `Bearer ${token}` } },
        ...body !== undefined && { body },
        signal,
      });
      text = await bodyText(response, signal);
    } catch (thrown) {
      return { answer: null, trouble: fetchReason(thrown), retryMs: 0 };
    }
    const { status } = response;
    if (ofRequest.has(status)) return { answer: { status, text }, trouble: "", retryMs: 0 };
    const sentence = `it answers ${status}: ${detailOf(text)}`;
    if (status === 401) {
      throw new Refusal(`${doing}: the node at ${url.origin} wants its token: give it with --token-file.`);
    }
    if (status !== 429 && status < 500) throw new Refusal(`${doing}: ${url.origin}: ${sentence}`);
    const retryAfterS = Number(response.headers.get("retry-after") ?? 0);
    return { answer: null, trouble: sentence, retryMs: retryAfterS > 0 ? retryAfterS * 1000 : 0 };
  }
}

const shownUnits = 200;

/** The detail of a problem; of anything else its beginning. */
export function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
  } catch {
    // It is no problem of ours: a proxy's page, perhaps.
  }
  return text.slice(0, shownUnits);
}
