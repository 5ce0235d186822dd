/** What the main thread and the thread that makes threads say to each other; threads go by the caller's numbers. */

import type { HostThreadStart } from "./host_protocol.ts";

export type ToMaker =
  | {
    readonly type: "make";
    readonly id: number;
    readonly start: HostThreadStart;
    readonly heapMiB: number;
  }
  | { readonly type: "terminate"; readonly id: number };

export type FromMaker =
  /** `threadId`: as the process numbers its threads. */
  | { readonly type: "made"; readonly id: number; readonly threadId: number | null }
  | { readonly type: "ended"; readonly id: number; readonly reason: string };
