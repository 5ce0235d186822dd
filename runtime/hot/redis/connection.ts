/**
 * One connection to a Redis server, which comes back by itself.
 *
 * 1. A call fails at once while there is no connection, or while an earlier call is late; else by its deadline. Nothing
 *    waits for a connection, so that nothing piles up.
 * 2. An outage is told of when it begins, and once more when it turns out to be of another kind; when it ends, whoever has
 *    the connection says (`isUp`), since to be connected is not all. Never with user, password or arguments.
 * 3. `close` leaves no socket and no timer.
 */

import { Redis } from "./client.ts";
import { errorMessage } from "../../core/errors.ts";
import { connectDeadlineMs, reconnectMs } from "../limits.ts";
import { HotError } from "../port.ts";
import type { RedisSettings } from "./settings.ts";

/** Hears of outages. */
export interface RedisTrouble {
  /** `code`: "refused" when no repetition cures it, else "unavailable". */
  failed(code: string, sentence: string): void;
  succeeded(): void;
}

/** What no repetition cures: a wrong user, password or database, or a certificate that is not trusted. */
const refusals = /WRONGPASS|NOAUTH|NOPERM|invalid password|without any password|DB index|certificate/i;

/** How long a socket may take to close before it is destroyed. */
const closeMs = 50;

export class RedisConnection {
  readonly #settings: RedisSettings;
  readonly #trouble: RedisTrouble;
  readonly #connected: () => void;
  #client: Redis | null = null;
  #isReady = false;
  /** Calls that were given up and have not come back. */
  #late = 0;
  /** The code of the outage that was told of; null: it is over. */
  #told: string | null = null;
  #reason = "it does not answer";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #ended: Promise<void> = Promise.resolve();

  /** `connected`: called with every new connection. */
  constructor(settings: RedisSettings, trouble: RedisTrouble, connected: () => void) {
    this.#settings = settings;
    this.#trouble = trouble;
    this.#connected = connected;
    this.#open();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  #open(): void {
    const { host, port, username, password, database, tls } = this.#settings;
    const client = new Redis({
      host,
      port,
      db: database,
      ...(username !== null && { username }),
      ...(password !== null && { password }),
      ...(tls !== null && { tls: tls.ca === null ? {} : { ca: tls.ca } }),
      lazyConnect: true,
      protocol: 2,
      disableClientInfo: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: null,
      connectTimeout: connectDeadlineMs,
      disconnectTimeout: closeMs,
    });
    this.#client = client;
    this.#late = 0;
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    client.on("error", (error: unknown) => this.#reason = this.#clean(errorMessage(error)));
    client.once("end", () => {
      clearTimeout(this.#timer);
      this.#isReady = false;
      this.#client = null;
      ended.resolve();
      if (!this.#isClosed) this.#lost();
    });
    this.#timer = setTimeout(() => this.drop("it does not answer"), connectDeadlineMs);
    client.connect().then(() => this.#ready(client), () => {
      // Wrong credentials leave the connection open.
      if (this.#client === client) client.disconnect();
    });
  }

  #ready(client: Redis): void {
    if (this.#client !== client || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#isReady = true;
    this.#reason = "the connection was closed";
    this.#connected();
  }

  /** The server does what it is asked. */
  isUp(): void {
    this.#told = null;
    this.#trouble.succeeded();
  }

  #lost(): void {
    const isRefused = refusals.test(this.#reason);
    const code = isRefused ? "refused" : "unavailable";
    if (this.#told !== code) {
      this.#told = code;
      const { host, port } = this.#settings;
      const found = isRefused ? "refuses what it is asked with" : "cannot be reached";
      this.#trouble.failed(
        code,
        `Redis at ${host}:${port} ${found}: ${this.#reason}. Cached reads ask the actors meanwhile.`,
      );
    }
    this.#timer = setTimeout(() => this.#open(), reconnectMs);
  }

  /** Ends the connection; another one follows. */
  drop(reason: string): void {
    this.#isReady = false;
    this.#reason = reason;
    if (this.#client !== null && this.#client.status !== "end") this.#client.disconnect();
  }

  /** An old server repeats arguments in its errors. */
  #clean(message: string): string {
    const { username, password } = this.#settings;
    let clean = message.replace(/,? with args beginning with.*$/s, "");
    for (const secret of [username, password]) {
      if (secret !== null && secret !== "default") clean = clean.replaceAll(secret, "***");
    }
    return clean;
  }

  /** @throws HotError */
  async call<T>(deadlineMs: number, work: (client: Redis) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client === null || !this.#isReady) throw new HotError(`Redis cannot be read: ${this.#reason}`);
    if (this.#late > 0) throw new HotError("Redis cannot be read: it is slow");
    const late = Promise.withResolvers<never>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#late++;
      late.reject(new HotError(`Redis has not answered within ${deadlineMs} ms`));
    }, deadlineMs);
    const working = work(client).catch((thrown: unknown): never => {
      throw new HotError(this.#clean(errorMessage(thrown)));
    }).finally(() => {
      clearTimeout(timer);
      if (isLate && this.#client === client) this.#late--;
    });
    return await Promise.race([working, late.promise]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isReady = false;
    clearTimeout(this.#timer);
    if (this.#client === null) return;
    if (this.#client.status !== "end") this.#client.disconnect();
    await this.#ended;
  }
}
