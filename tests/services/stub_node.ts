/** What a proxy takes for a node: it answers every request with 202, or hangs up on it, and says whether it is ready. */

import { createServer, type Socket } from "node:net";

export interface Seen {
  /** As "POST /readings". */
  readonly request: string;
  readonly forwardedFor: string | undefined;
}

export class StubNode implements AsyncDisposable {
  readonly seen: Seen[] = [];
  isReady = true;
  hangsUp = false;
  readonly #server = createServer((socket) => this.#take(socket));
  readonly #admin = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    return new Response(null, { status: this.isReady || url.endsWith("/healthz") ? 200 : 503 });
  });

  private constructor(listening: () => void) {
    this.#server.listen(0, "127.0.0.1", listening);
  }

  static async start(): Promise<StubNode> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const node = new StubNode(resolve);
    await promise;
    return node;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("It does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.#admin.addr.port}`;
  }

  /** One request a connection, all of which comes in one piece. */
  #take(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    socket.once("data", (bytes) => {
      const head = bytes.toString();
      this.seen.push({
        request: head.split(" ", 2).join(" "),
        forwardedFor: /^x-forwarded-for: (.*)\r$/mi.exec(head)?.[1],
      });
      if (this.hangsUp) socket.destroy();
      else socket.end("HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await Promise.all([promise, this.#admin.shutdown()]);
  }
}
