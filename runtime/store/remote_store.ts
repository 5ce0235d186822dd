/**
 * Port `Store` over message ports to the store's threads.
 *
 * A checkpoint is copied, not moved: a few megabytes cost less than a millisecond, and its owner can send it again
 * when the outcome is not known.
 *
 * 1. Every call settles: when the store's thread ends, or does not answer in time, it fails as "unavailable", and a
 *    commit that was not answered in time as "unknown".
 */

import type { MessagePort } from "node:worker_threads";
import type { HostDeath } from "../core/attempts.ts";
import type { Address } from "../core/actor.ts";
import type {
  Checkpoint,
  Claim,
  CommitResult,
  DuePage,
  Loaded,
  StoredDeadLetter,
} from "../core/checkpoint.ts";
import { InvariantError } from "../core/errors.ts";
import { RpcClient, threadCallDeadlineMs, type WireError } from "../rpc.ts";
import {
  type ActorCount,
  type DeadLetterFilter,
  type DeadLetterPage,
  type ListPage,
  type RowRange,
  type ShardRow,
  type Store,
  type StoredHistoryRow,
  StoreError,
  type StoreErrorCode,
} from "./port.ts";

const storeErrorCodes: Readonly<Record<StoreErrorCode, true>> = {
  full: true,
  unavailable: true,
  unknown: true,
  corrupt: true,
  refused: true,
  raced: true,
  closed: true,
};

function isStoreErrorCode(code: string): code is StoreErrorCode {
  return Object.hasOwn(storeErrorCodes, code);
}

/** The error of the store's thread, as its class. */
export function reviveStoreError({ code, message }: WireError): Error {
  if (isStoreErrorCode(code)) return new StoreError(code, message);
  return code === "invariant" ? new InvariantError(message) : new Error(message);
}

/** Ends of one client's connection to a store; they move to the thread that uses them. */
export interface StorePorts {
  readonly writes: MessagePort;
  /** Null: what writes reads too. */
  readonly reads: MessagePort | null;
}

/** As `postMessage` is told what moves. */
export function portsOf({ writes, reads }: StorePorts): MessagePort[] {
  return reads === null ? [writes] : [writes, reads];
}

function clientOf(port: MessagePort, deadlineMs: number): RpcClient {
  return new RpcClient(port, reviveStoreError, {
    afterMs: deadlineMs,
    error: (method) =>
      new StoreError(
        method === "commit" ? "unknown" : "unavailable",
        `The store's thread did not answer "${method}" within ${deadlineMs} ms: its disk hangs, or is overloaded`,
      ),
  });
}

export class RemoteStore implements Store {
  readonly #ports: readonly MessagePort[];
  readonly #rpc: RpcClient;
  readonly #reads: RpcClient;
  #closed = false;

  constructor(ports: StorePorts, deadlineMs = threadCallDeadlineMs) {
    this.#ports = portsOf(ports);
    this.#rpc = clientOf(ports.writes, deadlineMs);
    this.#reads = ports.reads === null ? this.#rpc : clientOf(ports.reads, deadlineMs);
    for (const port of this.#ports) port.on("close", () => this.fail("its thread closed the connection"));
  }

  /** Rejects the waiting calls and all later ones: a thread of the store is gone. */
  fail(reason: string): void {
    if (!this.#closed) this.#fail(new StoreError("unavailable", `Cannot reach the store: ${reason}`));
  }

  #fail(error: StoreError): void {
    this.#rpc.fail(error);
    this.#reads.fail(error);
  }

  claim(
    shard: number,
    owner: string,
    death: HostDeath | null = null,
    after: number | null = null,
  ): Promise<Claim> {
    return this.#rpc.call("claim", [shard, owner, death, after]);
  }

  epoch(shard: number): Promise<number> {
    return this.#reads.call("epoch", [shard]);
  }

  rows(): Promise<readonly ShardRow[]> {
    return this.#reads.call("rows", []);
  }

  load(shard: number, keys: readonly Address[]): Promise<Loaded> {
    return this.#reads.call("load", [shard, keys]);
  }

  due(shard: number, afterMs: number, limit: number): Promise<DuePage> {
    return this.#reads.call("due", [shard, afterMs, limit]);
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    return this.#rpc.call("commit", [checkpoints]);
  }

  list(kind: string, after: string | null, limit: number): Promise<ListPage> {
    return this.#reads.call("list", [kind, after, limit]);
  }

  countActors(): Promise<readonly ActorCount[]> {
    return this.#rpc.call("countActors", []);
  }

  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]> {
    return this.#reads.call("history", [actor, range]);
  }

  expireHistory(beforeMs: number, limit: number): Promise<number> {
    return this.#rpc.call("expireHistory", [beforeMs, limit]);
  }

  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage> {
    return this.#reads.call("deadLetters", [filter]);
  }

  deadLetter(id: string): Promise<StoredDeadLetter | null> {
    return this.#reads.call("deadLetter", [id]);
  }

  expireDeadLetters(beforeMs: number, limit: number): Promise<number> {
    return this.#rpc.call("expireDeadLetters", [beforeMs, limit]);
  }

  /** Ends this connection; the store's thread goes on. */
  close(): Promise<void> {
    this.#closed = true;
    this.#fail(new StoreError("closed", "Cannot use the store: this connection to it is closed"));
    for (const port of this.#ports) port.close();
    return Promise.resolve();
  }
}
