/** What the launcher asks of Deno's event loop: a node that has much to do reads its sockets all the same. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { median } from "simple-statistics";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";

const name = "DENO_TOKIO_EVENT_INTERVAL";
const requests = 21;

/** Of requests over a connection each, in milliseconds. */
async function medianLatencyMs(env: Readonly<Record<string, string>>): Promise<number> {
  const program = fileURLToPath(new URL("./busy_server.ts", import.meta.url));
  const args = ["run", "--no-prompt", "--allow-net", program];
  const server = new Deno.Command(Deno.execPath(), { args, env, stdout: "piped" }).spawn();
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const port = Number((await reader.read()).value);
    const latencies: number[] = [];
    for (let n = 0; n < requests; n++) {
      using client = Deno.createHttpClient({});
      const fromMs = performance.now();
      await (await fetch(`http://127.0.0.1:${port}/`, { client })).body?.cancel();
      latencies.push(performance.now() - fromMs);
    }
    return median(latencies);
  } finally {
    server.kill();
    await reader.cancel();
    await server.status;
  }
}

/** What the node's launcher set. */
async function setting(): Promise<Readonly<Record<string, string>>> {
  await using folder = await tempFolder();
  await using node = await Node.start({ dataDir: folder.path });
  // By a program, because Deno reads /proc itself only with every permission there is.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${await node.pid()}/environ`] }).output();
  const value = new TextDecoder().decode(stdout).split("\0").find((each) => each.startsWith(`${name}=`));
  assert.ok(value !== undefined, `${name} is set`);
  return { [name]: value.slice(name.length + 1) };
}

Deno.test({
  name: "a busy thread answers sooner with what the launcher asks for than with what Deno does by itself",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const askedMs = await medianLatencyMs(await setting());
    const byItselfMs = await medianLatencyMs({ [name]: "61" });
    assert.ok(askedMs < byItselfMs / 4, `${askedMs} ms, and ${byItselfMs} ms by itself`);
  },
});
