/**
 * Calls over a `MessagePort`: requests with numbers, answers with the same number, errors with their code.
 *
 * 1. Every call settles: with its answer, with the error the other side threw, or with what `fail` was given.
 * 2. Calls arrive in the order they were made; answers may come in any order.
 */

import type { MessagePort } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";

/** The part of a `MessagePort` (or `Worker`, or `parentPort`) that is needed. */
export type Port = Pick<MessagePort, "postMessage" | "on" | "off">;

/**
 * A value on its way through a port. Deno 2.9 looks into every object and array that a port of `node:worker_threads`
 * delivers, for ports to revive, and into typed arrays byte by byte: 50 ms for a checkpoint of 1,250 rows. It does
 * not look into a `Map`: 1 ms.
 */
type Sealed<T> = ReadonlyMap<"value", T>;

export function seal<T>(value: T): Sealed<T> {
  return new Map([["value", value]]);
}

export function unseal<T>(sealed: Sealed<T>): T | undefined {
  return sealed.get("value");
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
      port.postMessage({ rpc: "reply", id, value: seal(value) });
    } catch (thrown) {
      port.postMessage({ rpc: "reply", id, error: toWireError(thrown) });
    }
  };
  port.on("message", onMessage);
  return () => port.off("message", onMessage);
}

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class RpcClient {
  readonly #port: Port;
  readonly #revive: (error: WireError) => Error;
  readonly #pending = new Map<number, PendingCall>();
  readonly #onMessage = (message: unknown) => this.#receive(message);
  #nextId = 1;
  #failure: Error | null = null;

  /** `revive` makes the error class of the called port from a code and a message. */
  constructor(port: Port, revive: (error: WireError) => Error) {
    this.#port = port;
    this.#revive = revive;
    port.on("message", this.#onMessage);
  }

  // The result's type is the called port's promise; the port interfaces on both sides are the same.
  call<T>(method: string, args: readonly unknown[]): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.postMessage({ rpc: "call", id, method, args: seal(args) });
    });
  }

  #receive(message: unknown): void {
    if (!isRpc(message) || message.rpc !== "reply") return;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
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
    this.#port.off("message", this.#onMessage);
  }
}
