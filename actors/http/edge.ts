/** Both ports of a node, from before there is an app behind them. */

import type { App } from "./app.ts";
import { waitingFetch } from "./waiting_app.ts";

type Fetch = App["fetch"];

export class Edge {
  #app: App | null = null;
  #waitingFor: string | null = null;
  readonly #starting = waitingFetch(() => this.#waitingFor);

  readonly fetch: Fetch = (request, connection) =>
    this.#app?.fetch(request, connection) ?? this.#starting(request);
  readonly adminFetch: Fetch = (request, connection) =>
    this.#app?.adminFetch(request, connection) ?? this.#starting(request);

  /** What the node waits for, as it says to whoever asks before the app is there. */
  wait(sentence: string | null): void {
    this.#waitingFor = sentence;
  }

  open(app: App): void {
    this.#app = app;
  }
}
