/** An exit that comes back, as in a thread whose end V8 has missed. */

import assert from "node:assert/strict";
import process from "node:process";
import { throwBehindExit } from "../../runtime/node/thread_exit.ts";

Deno.test("throwBehindExit() cuts off and throws where an exit comes back, Deno's and Node's", () => {
  const exit = Object.getOwnPropertyDescriptor(Deno, "exit")!;
  const done: unknown[] = [];
  try {
    Object.defineProperty(Deno, "exit", { ...exit, value: (code: number) => done.push(code) });
    throwBehindExit(() => done.push("cut off"));
    assert.throws(() => Deno.exit(9), /^Error: Its thread has exited$/);
    // What `process.exit` calls.
    const { reallyExit } = process as unknown as { reallyExit(code: number): never };
    assert.throws(() => reallyExit(3), /^Error: Its thread has exited$/);
  } finally {
    Object.defineProperty(Deno, "exit", exit);
  }
  assert.deepEqual(done, [9, "cut off", 3, "cut off"]);
});
