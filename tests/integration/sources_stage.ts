/** Targets that a test serves itself, and a client of the node that scrapes them. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";

/** @param stopped aborts when the test is over: until then an answer may be waited for */
export type Answer = (request: Request, stopped: AbortSignal) => Response | Promise<Response>;

/** Serves pages by path; one that is not there is a 404. */
export class Targets implements AsyncDisposable {
  readonly #stopped = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** By path: when it was asked for, milliseconds of the test's own clock. */
  readonly asked = new Map<string, number[]>();

  constructor(pages: Readonly<Record<string, Answer>>) {
    const { signal } = this.#stopped;
    const options = { hostname: "127.0.0.1", port: 0, signal, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const { pathname } = new URL(request.url);
      this.asked.set(pathname, [...this.asked.get(pathname) ?? [], performance.now()]);
      return await pages[pathname]?.(request, signal) ?? new Response("Not found", { status: 404 });
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  url(path: string): string {
    return `http://${this.address}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#server.finished;
  }
}

const deadlineMs = 30_000;

export class SourcesClient {
  constructor(readonly url: string) {}

  /** Of a node's API, as JSON, over a connection of its own. */
  async ask(method: string, path: string, body: unknown, status: number) {
    using client = Deno.createHttpClient({});
    const response = await fetch(this.url + path, {
      method,
      client,
      headers: { "content-type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const answer = await response.json();
    assert.equal(response.status, status, JSON.stringify(answer));
    return answer;
  }

  async put(name: string, spec: unknown): Promise<void> {
    await this.ask("PUT", `/sources/${name}`, spec, 200);
  }

  async get(path: string) {
    return await this.ask("GET", path, undefined, 200);
  }

  /** How many values a series has, and the least and the largest of the last hour. */
  async series(id: string) {
    const { total, channels } = await this.get(`/series/${encodeURIComponent(id)}/windows`);
    const { min, max } = channels.value["1h"];
    return { count: total.value.count, min, max };
  }

  /** A source's state once `isSo`. */
  async source(name: string, what: string, isSo: (state: ReturnType<typeof JSON.parse>) => boolean) {
    return await eventually(`the source ${name} ${what}`, deadlineMs, async () => {
      const state = await this.get(`/sources/${name}`);
      return isSo(state) ? state : null;
    });
  }
}
