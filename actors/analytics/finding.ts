/**
 * What is known of a series, or why it cannot be.
 *
 * 1. A known value holds no NaN and no infinity.
 * 2. `reason` completes the sentence "not enough information because …", for whoever looks at the series.
 */
export type Finding<T> =
  | { readonly known: true; readonly value: T }
  | { readonly known: false; readonly reason: string };

export function known<T>(value: T): Finding<T> {
  return { known: true, value };
}

export function notKnown(reason: string): Finding<never> {
  return { known: false, reason };
}
