/** The example of `runtime/README.md` is a program: it is checked and run as it stands there. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "./engine_harness.ts";

const root = new URL("../../", import.meta.url);

async function example(): Promise<string> {
  const text = await Deno.readTextFile(new URL("runtime/README.md", root));
  const block = /```ts\n(.*?)```/s.exec(text)?.[1];
  assert.ok(block !== undefined, "runtime/README.md has a block of TypeScript");
  // It stands in `runtime/`; the copy does not.
  return block.replaceAll('from "./', `from "${new URL("runtime/", root).href}`);
}

async function deno(...args: string[]): Promise<string> {
  const config = fileURLToPath(new URL("deno.json", root));
  const [command = "", ...rest] = args;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--config", config, ...rest],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert.ok(success, `deno ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

Deno.test("the example of runtime/README.md counts, times and stops when it is run", () =>
  withFolder(async (folder) => {
    const file = join(folder, "burst.ts");
    await Deno.writeTextFile(file, await example());
    await deno("check", file);
    const said = await deno("run", "--no-check", "--allow-all", file);
    assert.equal(said, "counted 10\nbursts [ 10 ]\n");
  }));
