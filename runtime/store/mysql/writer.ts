/**
 * The one connection that writes, and its transactions, one after another.
 *
 * 1. A transaction that met another one, or lost its connection, is run again from its beginning. Whether it had been
 *    committed after all, its own guard tells: it waits for the row that the first try had locked.
 * 2. It fails as "unknown" only when it may have been committed and the server stayed away for `retryBudgetMs`.
 * 3. While the connection lives it holds the server's lock of its name, which stands in the rows of its shards: so
 *    anybody finds the connection that blocks a row, also one that was opened after the claim, and ends no other.
 */

import { OneByOne } from "../../core/one_by_one.ts";
import { StoreError } from "../port.ts";
import type { MySqlConnection } from "./connection.ts";
import { LostConnection, said, serverErrno, storeError, type Trouble, troubleOf } from "./errors.ts";
import { maxWaitingCalls, migrationWaitSeconds, retryBudgetMs } from "./limits.ts";
import type { Link } from "./link.ts";

/** Ends the connection that holds the lock `name`; the server undoes its transaction. */
export async function endHolder(connection: MySqlConnection, name: string): Promise<void> {
  const [row] = await connection.rows("SELECT IS_USED_LOCK(?) AS holder, CONNECTION_ID() AS own", [name]);
  const holder = row?.holder;
  if (typeof holder !== "number" || holder === row?.own) return;
  const unknownThread = 1094;
  await connection.run(`KILL ${holder}`).catch((thrown) => {
    if (serverErrno(thrown) !== unknownThread) throw thrown;
  });
}

export class Writer {
  readonly #link: Link;
  readonly name: string;
  #connection: MySqlConnection | null = null;
  readonly #works = new OneByOne();
  #waiting = 0;

  constructor(link: Link) {
    this.#link = link;
    this.name = `sensorium.${crypto.randomUUID()}`;
  }

  /** Runs `work` in a transaction of its own, after those that were asked for before. */
  transaction<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    return this.#inTurn(doing, async (connection, committing) => {
      await connection.run("START TRANSACTION");
      const result = await work(connection);
      committing();
      await connection.run("COMMIT");
      return result;
    });
  }

  /** The same without a transaction: each statement stands by itself, and `work` finds out what an earlier try has done. */
  statements<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    return this.#inTurn(doing, work);
  }

  async #inTurn<T>(doing: string, work: Work<T>): Promise<T> {
    if (this.#waiting >= maxWaitingCalls) {
      throw new StoreError(
        "unavailable",
        `Cannot ${doing}: ${maxWaitingCalls} writes wait for ${this.#link.address}`,
      );
    }
    this.#waiting++;
    try {
      return await this.#works.run(() => this.#tried(doing, work));
    } finally {
      this.#waiting--;
    }
  }

  async #tried<T>(doing: string, work: Work<T>): Promise<T> {
    const endMs = performance.now() + retryBudgetMs;
    let mayBeWritten = false;
    for (;;) {
      if (!mayBeWritten) this.#failIfAway(doing);
      const outcome = await this.#once(work);
      if (outcome.type === "done") return outcome.result;
      const { thrown, trouble } = outcome;
      mayBeWritten ||= outcome.wasCommitting;
      const leftMs = endMs - performance.now();
      const isBack = trouble === "again" ||
        trouble === "lost" && (!mayBeWritten || await this.#link.untilBack(leftMs));
      if (isBack && leftMs > 0) continue;
      if (!mayBeWritten) throw storeError(thrown, doing);
      throw new StoreError(
        "unknown",
        `Cannot tell whether it was possible to ${doing}: ${this.#link.address} went away meanwhile (${
          said(thrown)
        })`,
        { cause: thrown },
      );
    }
  }

  #failIfAway(doing: string): void {
    const because = this.#link.awayBecause;
    if (because !== null) throw new StoreError("unavailable", `Cannot ${doing}: ${because}`);
  }

  async #once<T>(work: Work<T>): Promise<Outcome<T>> {
    let isCommitting = false;
    try {
      const result = await work(await this.#connected(), () => isCommitting = true);
      return { type: "done", result };
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === "lost") this.#drop();
      else await this.#connection?.run("ROLLBACK").catch(() => this.#drop());
      return { type: "failed", thrown, trouble, wasCommitting: isCommitting && trouble === "lost" };
    }
  }

  async #connected(): Promise<MySqlConnection> {
    if (this.#connection?.isLost === false) return this.#connection;
    const connection = await this.#link.connect();
    try {
      // An earlier connection of ours may still be at work over there, or hold its locks without knowing that we are gone.
      await endHolder(connection, this.name);
      const [row] = await connection.rows(`SELECT GET_LOCK(?, ${migrationWaitSeconds}) AS got`, [this.name]);
      if (row?.got !== 1) throw new LostConnection("an earlier connection is still ending");
      return this.#connection = connection;
    } catch (thrown) {
      connection.destroy();
      throw thrown;
    }
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }

  async close(): Promise<void> {
    await this.#works.ended();
    this.#drop();
  }
}

/** `committing`: from now on, the outcome of a lost connection is not known. */
type Work<T> = (connection: MySqlConnection, committing: () => void) => Promise<T>;

type Outcome<T> =
  | { readonly type: "done"; readonly result: T }
  | {
    readonly type: "failed";
    readonly thrown: unknown;
    readonly trouble: Trouble;
    readonly wasCommitting: boolean;
  };
