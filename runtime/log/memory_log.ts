/** The log in memory, for tests and trials: it ends with the process. */

import { defaultLogLimits, type LogLimits } from "./limits.ts";
import { LocalLog } from "./local_log.ts";
import { MemoryLogCore } from "./memory_log_core.ts";

export class MemoryLog extends LocalLog {
  /** `clock` tells epoch milliseconds. */
  constructor(shards: number, clock: () => number, limits: LogLimits = defaultLogLimits) {
    super(new MemoryLogCore(shards), clock, limits);
  }
}
