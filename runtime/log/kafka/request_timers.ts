/**
 * Of this thread: `kafkajs` looks a thousand times a second, on each connection, whether requests wait for a broker's
 * quota, by timers in the past, of which the runtime warns. From here on it looks only while some do wait.
 */

import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

interface Queue {
  readonly pending: readonly unknown[];
}

let isDone = false;

export function lookOnlyForWaiting(): void {
  if (isDone) return;
  isDone = true;
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function (this: Queue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
