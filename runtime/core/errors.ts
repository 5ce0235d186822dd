/** Errors of the core. A code decides what happens next; the message is for a person. */

/** Bytes or text that do not have the form they should have. */
export class FormatError extends Error {
  readonly code = "format";
  override readonly name = "FormatError";
}

/** A broken invariant: a programmer's error, or a damaged file. It stops the shard that met it. */
export class InvariantError extends Error {
  readonly code = "invariant";
  override readonly name = "InvariantError";
}

/** Throws an `InvariantError` that names the invariant when `holds` is false. */
export function invariant(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new InvariantError(sentence);
}

/** The message of anything thrown. */
export function errorMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
