/**
 * One connection to the server.
 *
 * 1. Every call settles: one that is not answered in time ends the connection, and its outcome is not known.
 * 2. Statements see what was committed before them (READ COMMITTED), and wait a second for a lock.
 */

import { createConnection } from "mysql2";
import { connect, type Socket } from "node:net";
import { LostConnection } from "./errors.ts";
import { connectDeadlineMs, lockWaitSeconds, pingDeadlineMs, statementDeadlineMs } from "./limits.ts";
import type { MySqlSettings } from "./settings.ts";

export type Value = string | number | null | Uint8Array;
export type Row = Readonly<Record<string, unknown>>;

/** The same on every server, whatever its configuration says. `SET SESSION TRANSACTION` is what all versions know. */
const session = [
  "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = ${lockWaitSeconds}`,
];

function isRows(result: unknown): result is readonly Row[] {
  return Array.isArray(result);
}

function affectedRows(result: unknown): number {
  const isHeader = typeof result === "object" && result !== null && "affectedRows" in result;
  return isHeader && typeof result.affectedRows === "number" ? result.affectedRows : 0;
}

type Callback = (error: Error | null, result?: unknown) => void;

export class MySqlConnection {
  readonly #driver: ReturnType<typeof createConnection>;
  readonly #socket: Socket;
  readonly #lost = Promise.withResolvers<void>();
  /**
   * How the calls under way are failed. Not by a reaction of each to `lost`, which would hold all calls and their answers
   * until the connection ends.
   */
  readonly #underWay = new Set<(error: LostConnection) => void>();
  #isLost = false;

  private constructor(settings: MySqlSettings, database: string | undefined) {
    const { host, port, user, password, tls } = settings;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 });
    for (const event of ["end", "error", "close"]) this.#socket.on(event, () => this.#end());
    this.#driver = createConnection({
      host,
      port,
      user,
      password,
      charset: "utf8mb4",
      // Sums are decimal.
      decimalNumbers: true,
      stream: this.#socket,
      // Ours ends the socket as well.
      connectTimeout: 0,
      ...(database === undefined ? {} : { database }),
      ...(tls === null ? {} : { ssl: { ...(tls.ca === null ? {} : { ca: tls.ca }), verifyIdentity: true } }),
    });
    // Later than the driver tells a call what the server said before it closed the connection.
    this.#lost.promise.then(() => this.#underWay.forEach((fail) => fail(lost())));
    // Whoever calls hears of it; an idle connection is looked at before it is used.
    this.#driver.on("error", () => this.destroy());
  }

  /** Throws what the driver does. `database`: null for a connection without one. */
  static async open(
    settings: MySqlSettings,
    database: string | null = settings.database,
  ): Promise<MySqlConnection> {
    const connection = new MySqlConnection(settings, database ?? undefined);
    try {
      await connection.#call(connectDeadlineMs, (done) => connection.#driver.connect(done));
      for (const statement of session) await connection.run(statement);
      return connection;
    } catch (thrown) {
      connection.destroy();
      throw thrown;
    }
  }

  #end(): void {
    this.#isLost = true;
    this.#lost.resolve();
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Resolves when the connection has ended. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  #call<T>(deadlineMs: number, start: (done: Callback) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(() => {
      reject(new LostConnection(`it gave no answer within ${deadlineMs} ms`));
      this.destroy();
    }, deadlineMs);
    const settled = () => {
      clearTimeout(timer);
      this.#underWay.delete(reject);
    };
    this.#underWay.add(reject);
    promise.then(settled, settled);
    if (this.#isLost) this.#lost.promise.then(() => reject(lost()));
    // The caller says what the statement answers with; see `isRows` and `affectedRows`.
    start((error, result) => error ? reject(error) : resolve(result as T));
    return promise;
  }

  /** A statement without an answer, or with one that does not matter. */
  async run(sql: string, values: readonly Value[] = []): Promise<void> {
    await this.#query(sql, values);
  }

  /** A statement that reads. */
  async rows(sql: string, values: readonly (Value | readonly string[])[] = []): Promise<readonly Row[]> {
    const result = await this.#query(sql, values);
    return isRows(result) ? result : [];
  }

  /** A statement that writes, once; how many rows it changed. */
  async change(sql: string, values: readonly Value[]): Promise<number> {
    return affectedRows(await this.#query(sql, values));
  }

  /** The same, prepared: for what is written again and again. */
  async write(sql: string, values: Value[]): Promise<number> {
    const bound = values.map((value) => value instanceof Uint8Array ? bufferOf(value) : value);
    return affectedRows(
      await this.#call(statementDeadlineMs, (done) => this.#driver.execute(sql, bound, done)),
    );
  }

  #query(sql: string, values: readonly (Value | readonly string[])[]): Promise<unknown> {
    return this.#call(statementDeadlineMs, (done) => this.#driver.query(sql, [...values], done));
  }

  async ping(): Promise<void> {
    await this.#call(pingDeadlineMs, (done) => this.#driver.ping(done));
  }

  /** Ends the connection without asking the server, which may not answer. */
  destroy(): void {
    this.#driver.destroy();
    this.#socket.destroy();
    this.#end();
  }
}

function bufferOf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function lost(): LostConnection {
  return new LostConnection("the connection was lost");
}
