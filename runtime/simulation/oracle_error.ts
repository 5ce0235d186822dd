/** What the simulation looks for, by name. */
export type Oracle =
  | "exactly-once"
  | "order"
  | "state"
  | "timers"
  | "suspension"
  | "outbox"
  | "one-owner"
  /** A node took a shard that the nodes had agreed to be another's, or has one at rest. */
  | "agreement"
  | "positions"
  | "visibility"
  | "dead-letters"
  | "queries"
  | "refused"
  | "threw"
  | "stuck"
  /** A message took more hosts with it than it may. */
  | "killed-host"
  /** Hosts were restarted after too many failures, or not restarted after few. */
  | "restarts"
  /** Woken in vain, again and again: a busy thread. */
  | "spin";

/** A broken oracle: it ends the run of its seed. */
export class OracleError extends Error {
  override readonly name = "OracleError";
  constructor(readonly oracle: Oracle, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Throws an `OracleError` unless `holds`; the sentence is only made when it is needed. */
export function check(oracle: Oracle, holds: boolean, sentence: () => string): asserts holds {
  if (!holds) throw new OracleError(oracle, sentence());
}
