/** Requests that are repeated until they are answered well, to nodes that may be dead, paused or on a full disk. */

import { z } from "zod";
import { type HttpAnswer, HttpConnection } from "../../actors/simulate/http_connection.ts";
import { eventually } from "../services/eventually.ts";

/** Longer than the node itself lets an answer wait. */
const attemptTimeoutMs = 12_000;
/** As exact as recoveries are told. */
const pauseMs = 10;

export interface Reading {
  readonly id: string;
  readonly values: Readonly<Record<string, number>>;
}

type Request = [
  method: "GET" | "POST",
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string,
];

export class Client {
  readonly #urls: () => readonly URL[];
  readonly #deadlineMs: number;
  #attempts = 0;

  /**
   * @param urls where they can be sent to, at each attempt: to one after the other
   * @param deadlineMs of every request, repeats included
   */
  constructor(urls: () => readonly URL[], deadlineMs: number) {
    this.#urls = urls;
    this.#deadlineMs = deadlineMs;
  }

  /** Counts them once, however often it has to ask. */
  async post(key: string, readings: readonly Reading[]): Promise<void> {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    await this.#request(202, "POST", "/readings", headers, JSON.stringify(readings));
  }

  async get(target: string): Promise<unknown> {
    return JSON.parse(await this.#request(200, "GET", target, {}, ""));
  }

  /** How many values of a sensor's channel count, strictly: 0 for a sensor that there is none. */
  async count(id: string, channel: string): Promise<number> {
    const answer = totalsSchema.parse(await this.get(`/sensors/${id}/windows`));
    return answer.total[channel]?.count ?? 0;
  }

  /** The status of the answer to a single attempt. */
  async offer(readings: readonly Reading[]): Promise<number> {
    const headers = { "content-type": "application/json" };
    const { status } = await this.#attempt("POST", "/readings", headers, JSON.stringify(readings));
    return status;
  }

  #request(status: number, ...request: Request): Promise<string> {
    const [method, target] = request;
    return eventually(`${status} of ${method} ${target}`, this.#deadlineMs, async () => {
      const answer = await this.#attempt(...request);
      if (answer.status === status) return answer.text;
      throw new Error(`The node answers ${answer.status}: ${answer.text}`);
    }, pauseMs);
  }

  async #attempt(...[method, target, headers, body]: Request): Promise<HttpAnswer> {
    const urls = this.#urls();
    const url = urls[this.#attempts++ % urls.length];
    if (url === undefined) throw new Error("No node is there to be asked");
    const connection = new HttpConnection(url);
    try {
      return await connection.request({ method, target, headers, body, timeoutMs: attemptTimeoutMs });
    } finally {
      connection.close();
    }
  }
}

const totalsSchema = z.object({ total: z.record(z.string(), z.object({ count: z.number() })) });
