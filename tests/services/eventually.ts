/** Waiting for something outside the process that cannot call back. */

/** Between two attempts, ms: a service starts in tenths of a second, and asking costs a fraction of a millisecond. */
const usualPauseMs = 50;

/**
 * Repeats `attempt` until it answers other than null, and gives the answer.
 *
 * @param what Ends "waited … for": what is waited for.
 * @throws After `deadlineMs`, naming `what` and the last attempt's error.
 */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  attempt: () => Promise<T | null>,
  pauseMs = usualPauseMs,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  let last: unknown = null;
  while (performance.now() < endMs) {
    try {
      const answer = await attempt();
      if (answer !== null) return answer;
      last = null;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`Waited ${deadlineMs} ms for ${what}`, last === null ? {} : { cause: last });
}
