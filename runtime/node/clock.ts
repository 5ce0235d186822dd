/** Time as the node's parts take it, so that tests can hold it. */

export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  sleep(durationMs: number): Promise<void>;
}

export const machineClock: Clock = {
  nowMs: () => performance.now(),
  sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
};
