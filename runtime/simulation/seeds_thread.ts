/** A thread that plays chunks of seeds; see `sweep.ts`. */

import { parentPort } from "node:worker_threads";
import { type Chunk, playChunk } from "./chunk.ts";

parentPort?.on("message", (chunk: Chunk) => parentPort?.postMessage(playChunk(chunk)));
