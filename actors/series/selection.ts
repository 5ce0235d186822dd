/**
 * Which series keep one-minute history, besides the five-minute history that all keep, whether a rule wants it or not.
 *
 * 1. It depends on the id alone: a refold of the log decides as the first fold did.
 */

/** With what the names of a host's own metrics begin. */
const hostMetricPrefix = "host_";

export function keepsMinutes(id: string): boolean {
  return id.startsWith(hostMetricPrefix);
}

/** Completes "kept for". */
export const minutesKeptFor =
  `the hosts' own metrics, series whose ids begin with ${hostMetricPrefix}, and for series that a rule selects`;
