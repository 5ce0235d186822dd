/** A connection's way to the server, on which a test cuts it or stops its client. */

import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";

/** Stands between a store and its server. */
export class Proxy {
  readonly #settings: MySqlSettings;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** Cuts a connection that sends this text: before, or after it went to the server. */
  cut: { readonly at: string; readonly when: "before" | "after" } | null = null;
  /** The client of a connection that sends this text goes on hearing nothing from then on, as one that was stopped. */
  stopAt: string | null = null;

  constructor(settings: MySqlSettings) {
    this.#settings = settings;
    this.#server = createServer((client) => this.#serve(client));
  }

  async start(): Promise<MySqlSettings> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    assert.ok(typeof address === "object" && address !== null);
    return { ...this.#settings, host: "127.0.0.1", port: address.port };
  }

  #serve(client: Socket): void {
    const server = connect(this.#settings.port, this.#settings.host);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    let isStopped = false;
    server.on("data", (bytes) => isStopped || client.write(bytes));
    server.on("close", () => client.destroy());
    client.on("close", () => server.end());
    client.on("data", (bytes) => {
      const { cut, stopAt } = this;
      if (stopAt !== null && bytes.includes(stopAt)) {
        this.stopAt = null;
        isStopped = true;
      }
      if (cut === null || !bytes.includes(cut.at)) return void server.write(bytes);
      this.cut = null;
      if (cut.when === "after") server.end(bytes);
      client.destroy();
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
