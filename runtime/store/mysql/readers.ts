/**
 * A few connections that read.
 *
 * 1. A read whose connection was lost is tried once more, on another one.
 * 2. At most `maxWaitingCalls` wait for a connection; further ones fail as "unavailable".
 */

import { StoreError } from "../port.ts";
import type { MySqlConnection } from "./connection.ts";
import { storeError, troubleOf } from "./errors.ts";
import { maxWaitingCalls, readConnections } from "./limits.ts";
import type { Link } from "./link.ts";

export class Readers {
  readonly #link: Link;
  readonly #idle: MySqlConnection[] = [];
  #busy = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(link: Link) {
    this.#link = link;
  }

  async read<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    this.#failIfAway(doing);
    await this.#turn(doing);
    try {
      return await this.#tried(doing, work);
    } catch (thrown) {
      throw storeError(thrown, doing);
    } finally {
      this.#busy--;
      this.#waiting.shift()?.();
    }
  }

  #failIfAway(doing: string): void {
    const because = this.#link.awayBecause;
    if (because !== null) throw new StoreError("unavailable", `Cannot ${doing}: ${because}`);
  }

  async #turn(doing: string): Promise<void> {
    if (this.#waiting.length >= maxWaitingCalls) {
      throw new StoreError(
        "unavailable",
        `Cannot ${doing}: ${maxWaitingCalls} reads wait for ${this.#link.address}`,
      );
    }
    while (this.#busy >= readConnections) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy++;
  }

  async #tried<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    try {
      return await this.#once(work);
    } catch (thrown) {
      if (troubleOf(thrown) !== "lost") throw thrown;
      this.#failIfAway(doing);
      return await this.#once(work);
    }
  }

  async #once<T>(work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    let connection = this.#idle.pop();
    while (connection?.isLost) connection = this.#idle.pop();
    connection ??= await this.#link.connect();
    try {
      return await work(connection);
    } finally {
      if (this.#link.isClosed) connection.destroy();
      else if (!connection.isLost) this.#idle.push(connection);
    }
  }

  /** Reads under way end with their connections. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }
}
