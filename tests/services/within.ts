/** Waiting for a promise, but not for ever. */

const usualDeadlineMs = 10_000;

/** Rejects, saying what it waited for, when `promise` has not settled in time. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = usualDeadlineMs): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited ${deadlineMs} ms for ${what}`)), deadlineMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
