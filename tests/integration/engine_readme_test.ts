/** The examples of `runtime/README.md` are programs: they are checked and run as they stand there. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "../services/folder.ts";

const root = new URL("../../", import.meta.url);

/** The block of TypeScript that has this text in it. */
async function example(text: string): Promise<string> {
  const readme = await Deno.readTextFile(new URL("runtime/README.md", root));
  const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, block = ""]) => block);
  const block = blocks.find((block) => block.includes(text));
  assert.ok(block !== undefined, `runtime/README.md has a block of TypeScript with ${text}`);
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

/** What the example with this text says when it is run. */
async function run(text: string): Promise<string> {
  let said = "";
  await withFolder(async (folder) => {
    const file = join(folder, "example.ts");
    await Deno.writeTextFile(file, await example(text));
    await deno("check", file);
    said = await deno("run", "--no-check", "--allow-all", file);
  });
  return said;
}

Deno.test("the example of runtime/README.md counts, times and stops when it is run", async () => {
  assert.equal(await run('kind: "burst"'), "counted 10\nbursts [ 10 ]\n");
});

Deno.test("the example of a service in runtime/README.md is asked, and answers, when it is run", async () => {
  assert.equal(await run('kind: "boiler"'), 'mail {"subject":"cellar has 95 °C"}\n{"mail":"sent"}\n');
});
