/**
 * `Deno.exit` of a thread, and Node's `process.exit`, which calls it.
 *
 * There Deno's asks V8 to end the thread, and comes back. V8 does not always do so (Deno 2.9, under load;
 * `tests/bench/RESULTS.md`, 2026-11-28): whoever exited goes on behind it, and Node's loops for ever, which takes a
 * processor until the process ends. With an error in its place the thread comes back to its event loop, where it ends.
 */

/** From here on an exit throws where it comes back; `cutOff` is called before. */
export function throwBehindExit(cutOff: () => void): void {
  const exit: (code?: number) => void = Deno.exit;
  const value = (code?: number): never => {
    exit(code);
    cutOff();
    throw new Error("Its thread has exited");
  };
  Object.defineProperty(Deno, "exit", { value });
}
