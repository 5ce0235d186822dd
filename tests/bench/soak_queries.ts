/** The soak's queries: strict windows of common and of rare sensors, and now and then a history. */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { describeSensor } from "../../actors/simulate/world.ts";
import { evenId } from "./even_load.ts";
import { loadSeed, panelRatio } from "./load.ts";
import { seconds as wait } from "./measured_server.ts";

const pauseSeconds = 0.02;
/** One query in so many is for a history. */
const historyEvery = 10;
const timeoutMs = 10_000;

export interface Asked {
  /** Of `runLoad`. */
  readonly sensors: number;
  /** Of `sendEvenly`. */
  readonly rareSensors: number;
}

export interface Latencies {
  readonly windowsMs: readonly number[];
  readonly historyMs: readonly number[];
}

export class SoakQueries {
  readonly #connection: HttpConnection;
  readonly #of: Asked;
  #windowsMs: number[] = [];
  #historyMs: number[] = [];
  #isStopped = false;
  asked = 0;

  constructor(url: URL, of: Asked) {
    this.#connection = new HttpConnection(url);
    this.#of = of;
  }

  /** Asks, one query after the other, until `stop`. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const isHistory = this.asked % historyEvery === 0;
      const isRare = isHistory || this.asked % 2 === 0;
      this.asked++;
      const path = isHistory ? "history?channel=c0" : "windows";
      const target = `/sensors/${isRare ? this.#rareId() : this.#commonId()}/${path}`;
      const startedAtMs = performance.now();
      const answer = await this.#connection.request({
        method: "GET",
        target,
        headers: {},
        body: "",
        timeoutMs,
      });
      (isHistory ? this.#historyMs : this.#windowsMs).push(performance.now() - startedAtMs);
      // In the first minutes some have not sent yet.
      if (answer.status !== 200 && answer.status !== 404) {
        throw new Error(`GET ${target} is answered ${answer.status} ${answer.text}`);
      }
      await wait(pauseSeconds);
    }
    this.#connection.close();
  }

  #rareId(): string {
    return evenId(Math.floor(Math.random() * this.#of.rareSensors));
  }

  #commonId(): string {
    return describeSensor(loadSeed, Math.floor(Math.random() * this.#of.sensors), panelRatio).id;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Those since the last call. */
  take(): Latencies {
    const taken = { windowsMs: this.#windowsMs, historyMs: this.#historyMs };
    this.#windowsMs = [];
    this.#historyMs = [];
    return taken;
  }
}
