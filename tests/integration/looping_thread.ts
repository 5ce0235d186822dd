/** A thread that listens to nobody until it is let go, and then says what its priority is. */

import { getPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";

const flag: Int32Array = workerData;
parentPort?.postMessage("loops");
while (Atomics.load(flag, 0) === 0);
parentPort?.postMessage(getPriority());
