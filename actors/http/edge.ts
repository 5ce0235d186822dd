/**
 * Both ports of a node, from before there is an app behind them. What other nodes ask is answered on the operator's port,
 * as soon as there is somebody to answer it: the shards that run do not wait for those that do not.
 */

import { type Door, isForDoor } from "../../runtime/node/peer_door.ts";
import type { App } from "./app.ts";
import { rawPath } from "./request_url.ts";
import { waitingFetch } from "./waiting_app.ts";

type Fetch = App["fetch"];

export class Edge {
  #app: App | null = null;
  #door: Door | null = null;
  #waitingFor: string | null = null;
  readonly #starting = waitingFetch(() => this.#waitingFor);

  readonly fetch: Fetch = (request, connection) =>
    this.#app?.fetch(request, connection) ?? this.#starting(request);
  readonly adminFetch: Fetch = (request, connection) => {
    if (this.#door !== null && isForDoor(rawPath(request))) return this.#door(request);
    return this.#app?.adminFetch(request, connection) ?? this.#starting(request);
  };

  /** What the node waits for, as it says to whoever asks before the app is there. */
  wait(sentence: string | null): void {
    this.#waitingFor = sentence;
  }

  openDoor(door: Door): void {
    this.#door = door;
  }

  open(app: App): void {
    this.#app = app;
  }
}
