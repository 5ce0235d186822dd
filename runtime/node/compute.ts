/**
 * Long sums on threads of their own, as the product sees them.
 *
 * 1. A job settles once: with its output, or with a `ComputeError` whose code says why there is none. It has settled
 *    by its deadline, whatever it does.
 * 2. A job that hangs, exhausts its heap or is aborted while it runs loses its thread, and every other job goes on.
 *
 * What Deno 2.9 does not give: it does not stop a thread that never returns to its event loop. Such a thread is abandoned,
 * nobody hears of it any more, and it uses its core, and whatever it allocates, until the process ends.
 */

/** Who waits: a person, a program, or nobody. */
export type ComputePriority = "interactive" | "normal" | "background";

export interface ComputeOptions {
  readonly priority: ComputePriority;
  /** From now until the output is here, the wait for a thread included. */
  readonly deadlineMs: number;
  /** When it aborts, a waiting job is forgotten, and one that runs loses its thread. */
  readonly signal?: AbortSignal;
  /** Buffers of the input that move to the thread instead of being copied: the caller has them no longer. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface Compute {
  /**
   * Runs the function `job` of the program's jobs on `input`. Both input and output are what structured cloning takes;
   * the input is read when the job starts, and is to be left alone until then.
   */
  run<T>(job: string, input: unknown, options: ComputeOptions): Promise<T>;
}

export type ComputeErrorCode =
  /** More jobs wait than the bound, none of them of a lower priority; or one of a higher priority came. */
  | "full"
  /** Its deadline was over before it had started, or before it had ended. */
  | "late"
  /** It threw, or its input or output cannot be cloned. The message is that of what was thrown. */
  | "failed"
  /** It ended its thread: out of memory, or by an error that it did not catch. */
  | "died"
  | "unknown-job"
  /** The node is stopping, or has given its compute threads up for a moment. */
  | "stopped"
  /** Its signal aborted. */
  | "cancelled";

export class ComputeError extends Error {
  override readonly name = "ComputeError";

  constructor(readonly code: ComputeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
