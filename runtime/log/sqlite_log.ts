/** The embedded log: segment files on `node:sqlite`, synchronous inside, so it belongs in a thread of its own. */

import { LocalLog } from "./local_log.ts";
import { defaultLogLimits } from "./limits.ts";
import { SegmentedLogCore, type SegmentedLogOptions } from "./segmented_log_core.ts";

export interface SqliteLogOptions extends SegmentedLogOptions {
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

export class SqliteLog extends LocalLog {
  /** Random name of the log, given when it was made. */
  readonly identity: string;
  /** As of `SegmentedLogCore`. */
  readonly held: Pick<SegmentedLogCore, "hold" | "seal" | "release">;

  /** Opens or makes the log in `directory`. Throws a `LogError` that says what stands in the way. */
  constructor(options: SqliteLogOptions) {
    const core = new SegmentedLogCore(options);
    super(core, options.clock, options.limits ?? defaultLogLimits);
    this.identity = core.identity;
    this.held = core;
  }
}
