/**
 * Whether the server is there: one connection of its own is pinged once a second.
 *
 * 1. While it is away, `awayBecause` says why as a sentence, calls fail at once, and only this link tries to connect.
 * 2. A connection that was lost says nothing: the server is away when connecting anew fails, or a ping has no answer.
 * 3. `onWaiting` hears each change once.
 */

import { StoreError } from "../port.ts";
import { MySqlConnection } from "./connection.ts";
import { said } from "./errors.ts";
import { pingIntervalMs, reconnectIntervalMs } from "./limits.ts";
import type { MySqlSettings } from "./settings.ts";

export type OnWaiting = (waitingFor: string | null) => void;

export class Link {
  readonly #settings: MySqlSettings;
  readonly #onWaiting: OnWaiting;
  readonly #end = Promise.withResolvers<void>();
  #awayBecause: string | null = null;
  #whenBack: (() => void)[] = [];
  #isClosed = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(settings: MySqlSettings, onWaiting: OnWaiting) {
    this.#settings = settings;
    this.#onWaiting = onWaiting;
  }

  get address(): string {
    return `MySQL at ${this.#settings.host}:${this.#settings.port}`;
  }

  get awayBecause(): string | null {
    return this.#awayBecause;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  away(thrown: unknown): void {
    if (this.#isClosed) return;
    const because = `${this.address} does not answer: ${said(thrown)}`;
    const isNews = this.#awayBecause === null;
    this.#awayBecause = because;
    if (isNews) this.#onWaiting(because);
  }

  back(): void {
    if (this.#awayBecause === null || this.#isClosed) return;
    this.#awayBecause = null;
    this.#onWaiting(null);
    for (const resolve of this.#whenBack.splice(0)) resolve();
  }

  /** A new connection; when there is none, the server is away. */
  async connect(): Promise<MySqlConnection> {
    if (this.#isClosed) throw new StoreError("closed", "The store is closed");
    try {
      return await MySqlConnection.open(this.#settings);
    } catch (thrown) {
      this.away(thrown);
      throw thrown;
    }
  }

  /** False: the server was not back in time. */
  async untilBack(deadlineMs: number): Promise<boolean> {
    if (this.#awayBecause === null) return !this.#isClosed;
    const back = new Promise<void>((resolve) => this.#whenBack.push(resolve));
    await this.pause(deadlineMs, back);
    return this.#awayBecause === null && !this.#isClosed;
  }

  /** Ends early when the link is closed, or `early` resolves. */
  async pause(forMs: number, early: Promise<void> = this.#end.promise): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => timer = setTimeout(resolve, forMs));
    await Promise.race([over, early, this.#end.promise]);
    clearTimeout(timer);
  }

  /** Begins to ping. */
  watch(): void {
    this.#watching = this.#watch();
  }

  async #watch(): Promise<void> {
    let probe: MySqlConnection | null = null;
    while (!this.#isClosed) {
      try {
        if (probe === null || probe.isLost) probe = await this.connect();
        await probe.ping();
        this.back();
        await this.pause(pingIntervalMs, probe.lost);
      } catch (thrown) {
        // What was lost is tried anew before anybody hears of it.
        if (probe?.isLost === false) this.away(thrown);
        probe?.destroy();
        probe = null;
        if (this.#awayBecause !== null) await this.pause(reconnectIntervalMs);
      }
    }
    probe?.destroy();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end.resolve();
    await this.#watching;
  }
}
