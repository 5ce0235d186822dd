/** Pages of metrics, or of anything else, for sources to read. */

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
