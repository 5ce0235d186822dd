/** Being asked to stop. */

const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** What a shell reports for a program that Ctrl-C ended. */
const interruptedExitCode = 130;

/**
 * A terminal sends Ctrl-C to every process in the foreground, and `deno task` and `npx` pass on what they get: one
 * press arrives up to three times within milliseconds. Two presses of a person are further apart than this.
 */
const onePressMs = 300;

/**
 * Resolves at the first signal. The second ends the process at once: whoever presses Ctrl-C twice does not want to
 * wait, and what was accepted is safe in the log.
 */
export function untilStopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let firstMs: number | null = null;
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      if (nowMs - firstMs > onePressMs) Deno.exit(interruptedExitCode);
      resolve();
    });
  }
  return promise;
}
