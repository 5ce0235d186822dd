/**
 * Calls over a `MessagePort`: requests with numbers, answers with the same number, errors with their code.
 *
 * 1. Every call settles: with its answer, with the error the other side threw, with what `fail` was given, or, when
 *    the client has a deadline, with the error of a call that was not answered in time.
 * 2. Calls arrive in the order they were made; answers may come in any order.
 */

import { errorMessage, InvariantError } from "./core/errors.ts";

/** The part of a `MessagePort` (or `Worker`, or `parentPort`) that is needed. */
export interface Port {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: "message", listener: (message: unknown) => void): unknown;
  off(event: "message", listener: (message: unknown) => void): unknown;
}

/**
 * A value on its way through a port. Deno 2.9 looks into every object and array that a port of `node:worker_threads`
 * delivers, for ports to revive, and into typed arrays byte by byte: 50 ms for a checkpoint of 1,250 rows. It does
 * not look into a `Map`: 1 ms.
 */
export type Sealed<T> = ReadonlyMap<"value", T>;

export function seal<T>(value: T): Sealed<T> {
  return new Map([["value", value]]);
}

export function unseal<T>(sealed: Sealed<T>): T {
  for (const value of sealed.values()) return value;
  throw new InvariantError("A sealed value is in its map");
}

interface CallMessage {
  readonly rpc: "call";
  readonly id: number;
  readonly method: string;
  readonly args: Sealed<readonly unknown[]>;
}

interface ReplyMessage {
  readonly rpc: "reply";
  readonly id: number;
  readonly value?: Sealed<unknown>;
  readonly error?: WireError;
}

/** An error as it crosses threads: classes do not survive structured cloning. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

type RpcMessage = CallMessage | ReplyMessage;

function isRpc(message: unknown): message is RpcMessage {
  return typeof message === "object" && message !== null && "rpc" in message;
}

export function toWireError(thrown: unknown): WireError {
  const code = thrown instanceof Error && "code" in thrown && typeof thrown.code === "string"
    ? thrown.code
    : "internal";
  return { code, message: errorMessage(thrown) };
}

export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Answers calls with `handlers`; other messages on the port are left alone. Returns a function that stops. */
export function serve(port: Port, handlers: Handlers): () => void {
  const onMessage = async (message: unknown) => {
    if (!isRpc(message) || message.rpc !== "call") return;
    const { id, method, args } = message;
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`No such call: ${method}`);
      const value = await handler(...(unseal(args) as never[]));
      port.postMessage({ rpc: "reply", id, value: seal(value) }, []);
    } catch (thrown) {
      port.postMessage({ rpc: "reply", id, error: toWireError(thrown) }, []);
    }
  };
  port.on("message", onMessage);
  return () => port.off("message", onMessage);
}

interface PendingCall {
  readonly method: string;
  readonly endMs: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** For clients of a thread that may hang. */
export interface CallDeadline {
  readonly afterMs: number;
  /** What a call of `method` that was not answered in time is rejected with. Its outcome is not known. */
  error(method: string): Error;
}

/**
 * How long a call of the log's or the store's thread may take: far longer than any disk that works takes for one,
 * and short enough that somebody looks while the cause is still there. Callers in a hurry have their own deadlines.
 */
export const threadCallDeadlineMs = 30_000;

/** How long the log's or the store's thread may take to open its files: many times what checking them takes. */
export const threadOpenDeadlineMs = 300_000;

/** How long the log's or the store's thread may take to end: it has files to close, and nothing else to wait for. */
export const threadCloseDeadlineMs = 15_000;

/** What `promise` comes to, or `late` when that takes too long. */
export async function orLate<T>(promise: Promise<T>, deadlineMs: number, late: () => Error): Promise<T> {
  if (!await hasSettled(promise, deadlineMs)) throw late();
  return await promise;
}

/** False: `promise` had not settled in time. */
export async function hasSettled(promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), deadlineMs));
  const settled = promise.then(() => true, () => true);
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class RpcClient {
  readonly #port: Port;
  readonly #revive: (error: WireError) => Error;
  readonly #deadline: CallDeadline | null;
  /** In the order they were made, so the first is the next to be late. */
  readonly #pending = new Map<number, PendingCall>();
  readonly #onMessage = (message: unknown) => this.#receive(message);
  #nextId = 1;
  #failure: Error | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** `revive` makes the error class of the called port from a code and a message. */
  constructor(port: Port, revive: (error: WireError) => Error, deadline: CallDeadline | null = null) {
    this.#port = port;
    this.#revive = revive;
    this.#deadline = deadline;
    port.on("message", this.#onMessage);
  }

  /**
   * Rejects at once when `args` cannot be cloned. `transfer`: buffers in them that move to the other side instead of
   * being copied.
   */
  // The result's type is the called port's promise; the port interfaces on both sides are the same.
  call<T>(method: string, args: readonly unknown[], transfer: readonly ArrayBuffer[] = []): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const endMs = performance.now() + (this.#deadline?.afterMs ?? Infinity);
      this.#port.postMessage({ rpc: "call", id, method, args: seal(args) }, [...transfer]);
      this.#pending.set(id, { method, endMs, resolve: resolve as (value: unknown) => void, reject });
      this.#watch();
    });
  }

  /** One timer for all calls: it looks again when the oldest of them would be late. */
  #watch(): void {
    if (this.#deadline === null || this.#timer !== null) return;
    for (const { endMs } of this.#pending.values()) {
      this.#timer = setTimeout(() => this.#expire(), Math.max(0, endMs - performance.now()));
      return;
    }
  }

  #expire(): void {
    this.#timer = null;
    const nowMs = performance.now();
    for (const [id, { method, endMs, reject }] of this.#pending) {
      if (endMs > nowMs || this.#deadline === null) break;
      this.#pending.delete(id);
      reject(this.#deadline.error(method));
    }
    this.#watch();
  }

  #stopWatching(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #receive(message: unknown): void {
    if (!isRpc(message) || message.rpc !== "reply") return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#stopWatching();
    if (message.error === undefined) {
      pending?.resolve(message.value === undefined ? undefined : unseal(message.value));
    } else pending?.reject(this.#revive(message.error));
  }

  /** Calls waiting for an answer. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Rejects all waiting calls and every later one: the other side is gone. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#stopWatching();
    this.#port.off("message", this.#onMessage);
  }
}
