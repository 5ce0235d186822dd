/** A thread that listens to nobody until it is let go. */

import { parentPort, workerData } from "node:worker_threads";

const flag: Int32Array = workerData;
parentPort?.postMessage("loops");
while (Atomics.load(flag, 0) === 0);
parentPort?.postMessage("listens");
