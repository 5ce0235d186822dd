/**
 * Of this thread: a connection of `kafkajs` is one socket at a time, whatever becomes of the network.
 *
 * 1. Who wants it connected while it is being connected waits for the same attempt. The library opens a socket for each,
 *    of which all but the last are nobody's.
 * 2. A socket that was given up is heard no more, and what it had brought of an answer is forgotten. The library takes
 *    that for the beginning of the next socket's first answer, and understands none from then on.
 * 3. Closing waits for answers under way, but not for long, and fails what has none then. The library waits without end
 *    for those that a dead network owes.
 */

import type { Socket } from "node:net";
import errors from "kafkajs/src/errors.js";
import Connection from "kafkajs/src/network/connection.js";
import { CONNECTION_STATUS } from "kafkajs/src/network/connectionStatus.js";
import { hasSettled } from "../../rpc.ts";
import { closeDeadlineMs } from "./limits.ts";

/** As far as it matters here. */
interface OneConnection {
  readonly host: string;
  readonly port: number;
  readonly requestQueue: { waitForPendingRequests(): Promise<void>; destroy(): void };
  socket?: Socket | null;
  authenticatedAt: unknown;
  connectionStatus: string;
  chunks: Uint8Array[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  rejectRequests(error: Error): void;
}

/** Of an answer, which begins with it. */
const sizeBytes = 4;

const opening = new WeakMap<OneConnection, Promise<unknown>>();
const closing = new WeakMap<OneConnection, Promise<boolean>>();

function giveUp(socket: Socket): void {
  socket.removeAllListeners();
  // It may still fail, and an error that nobody hears would end the thread.
  socket.on("error", () => {});
  socket.end();
  socket.destroy();
}

async function close(connection: OneConnection): Promise<boolean> {
  const { requestQueue, host, port } = connection;
  connection.authenticatedAt = null;
  connection.connectionStatus = CONNECTION_STATUS.DISCONNECTING;
  await hasSettled(requestQueue.waitForPendingRequests(), closeDeadlineMs);
  connection.rejectRequests(new errors.KafkaJSConnectionClosedError("Closed connection", { host, port }));
  requestQueue.destroy();
  const { socket } = connection;
  if (socket) giveUp(socket);
  connection.socket = null;
  connection.connectionStatus = CONNECTION_STATUS.DISCONNECTED;
  return true;
}

type Connect = (this: OneConnection) => Promise<unknown>;

async function open(connection: OneConnection, connect: Connect): Promise<unknown> {
  await closing.get(connection);
  connection.chunks = [];
  connection.bytesBuffered = 0;
  connection.bytesNeeded = sizeBytes;
  return await connect.call(connection);
}

/** What is under way for the connection already, or begins now. */
function once<T>(
  underWay: WeakMap<OneConnection, Promise<T>>,
  connection: OneConnection,
  begin: () => Promise<T>,
): Promise<T> {
  const before = underWay.get(connection);
  if (before !== undefined) return before;
  const begun = begin().finally(() => underWay.delete(connection));
  underWay.set(connection, begun);
  return begun;
}

let isDone = false;

export function useOneSocketAtATime(): void {
  if (isDone) return;
  isDone = true;
  const connect: Connect = Connection.prototype.connect;
  Connection.prototype.connect = function (this: OneConnection) {
    if (this.isConnected()) return Promise.resolve(true);
    return once(opening, this, () => open(this, connect));
  };
  Connection.prototype.disconnect = function (this: OneConnection) {
    return once(closing, this, () => close(this));
  };
}
