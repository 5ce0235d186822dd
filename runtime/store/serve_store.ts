/**
 * What the thread of any store does: it owns the one store and answers any number of ports.
 *
 *     in:  { type: "connect", port }    serve this port; many may be connected
 *          { type: "close" }            settle the calls that came, close the store
 *     out: { type: "ready", opening } or { type: "failed", code, message } once, then { type: "closed" } at the end;
 *          { type: "waiting", for } whenever it begins or ends to wait for a server, also before it is open
 *
 * and the owner's calls (`OwnerCalls`).
 *
 * It runs no actor code: a thread ended inside a transaction would leave the file locked as long as the process lives.
 */

import type { HostDeath } from "../core/attempts.ts";
import { type MessagePort, parentPort } from "node:worker_threads";
import type { Address } from "../core/actor.ts";
import { type Checkpoint, freeCheckpoint } from "../core/checkpoint.ts";
import { type Handlers, serve, toWireError } from "../rpc.ts";
import type { CallQueue } from "./call_queue.ts";
import type { DeadLetterFilter, RowRange, Store } from "./port.ts";
import type {
  OwnerCalls,
  StoreThreadAnswer,
  StoreThreadOpening,
  StoreThreadRequest,
} from "./start_store_thread.ts";
import { threadMemory } from "../thread_memory.ts";

function handlersOf(queue: CallQueue): Handlers {
  const call = <T>(work: (store: Store) => Promise<T>) => queue.call(work);
  return {
    claim: (shard: number, owner: string, death: HostDeath | null, after: number | null) =>
      queue.claim({ shard, owner, death, after }),
    epoch: (shard: number) => call((store) => store.epoch(shard)),
    rows: () => call((store) => store.rows()),
    load: (shard: number, keys: readonly Address[]) => call((store) => store.load(shard, keys)),
    due: (shard: number, afterMs: number, limit: number) => call((store) => store.due(shard, afterMs, limit)),
    commit: async (checkpoints: readonly Checkpoint[]) => {
      try {
        return await queue.commit(checkpoints);
      } finally {
        // This thread's own copies: each try of the caller brings new ones.
        for (const checkpoint of checkpoints) freeCheckpoint(checkpoint);
      }
    },
    list: (kind: string, after: string | null, limit: number) =>
      call((store) => store.list(kind, after, limit)),
    countActors: () => call((store) => store.countActors()),
    history: (actor: Address, range: RowRange) => call((store) => store.history(actor, range)),
    expireHistory: (beforeMs: number, limit: number) => call((store) => store.expireHistory(beforeMs, limit)),
    deadLetters: (filter: DeadLetterFilter) => call((store) => store.deadLetters(filter)),
    deadLetter: (id: string) => call((store) => store.deadLetter(id)),
    expireDeadLetters: (beforeMs: number, limit: number) =>
      call((store) => store.expireDeadLetters(beforeMs, limit)),
  };
}

/** A store of any kind, with what its owner alone calls. */
export interface OwnedStore extends Omit<OwnerCalls, "memory"> {
  readonly store: Store;
  readonly queue: CallQueue;
  open(): Promise<StoreThreadOpening>;
}

/** Tells the owner. */
export function answer(message: StoreThreadAnswer): void {
  parentPort?.postMessage(message);
}

function run({ store, queue, bindLog, boundLog, hold, release }: OwnedStore): void {
  const handlers = handlersOf(queue);
  const ports: MessagePort[] = [];
  const memory = () => Promise.resolve(threadMemory());
  const ownerCalls: OwnerCalls = { bindLog, boundLog, hold, release, memory };
  if (parentPort !== null) serve(parentPort, { ...ownerCalls });
  const close = async () => {
    await queue.idle();
    await store.close();
    for (const port of ports) port.close();
    answer({ type: "closed" });
  };
  parentPort?.on("message", (request: StoreThreadRequest) => {
    switch (request.type) {
      case "connect":
        ports.push(request.port);
        serve(request.port, handlers);
        return;
      case "close":
        return void close();
    }
  });
}

/** Opens the store that `make` makes, and serves it. To be called as its thread's first thing: Deno drops messages that nobody listens to. */
export async function serveStore(make: () => OwnedStore): Promise<void> {
  try {
    const owned = make();
    run(owned);
    const { identity, log, secret, warning } = await owned.open();
    answer({ type: "ready", opening: { identity, log, secret, warning } });
  } catch (thrown) {
    answer({ type: "failed", ...toWireError(thrown) });
  }
}
