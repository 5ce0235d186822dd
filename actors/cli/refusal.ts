/**
 * Something that whoever starts the program can mend. It is shown as one sentence, without a stack, and ends the
 * process with `refusalExitCode`.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** As of a shell command that was used wrongly. */
export const refusalExitCode = 2;

/** A failure that is not the user's to mend. */
export const failureExitCode = 1;
