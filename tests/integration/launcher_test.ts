/** The launcher as its user meets it: a node that dies or hangs comes back by itself, with all that it had accepted. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";
import { childOf, killHard } from "../services/process_tree.ts";

const deadlineMs = 30_000;
/** The pauses of a launcher before it gives up add up to less than 22 s. */
const giveUpMs = 60_000;

async function withNode(test: (node: Node) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-launcher-" });
  try {
    await using node = await Node.start({ dataDir, flags: ["--no-host-metrics"] });
    await test(node);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

async function post(node: Node): Promise<void> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"id":"s","values":{"temperature":21.5}}',
  };
  const response = await fetch(`${node.url}/readings`, init);
  assert.equal(response.status, 202, await response.text());
}

/** How many readings there are; null while nobody answers. */
async function count(node: Node): Promise<number | null> {
  try {
    const response = await fetch(`${node.url}/sensors/s/windows`, { signal: AbortSignal.timeout(2000) });
    const { total } = await response.json();
    return total?.temperature.count ?? null;
  } catch {
    // Refused or reset: the node is not there now.
    return null;
  }
}

async function comesBack(node: Node, pid: number, says: RegExp): Promise<void> {
  const another = async () => {
    const found = await count(node);
    return found !== null && await node.pid() !== pid ? found : null;
  };
  assert.equal(await eventually("another node to answer", deadlineMs, another), 2);
  assert.match(node.errors, says);
  await post(node);
  assert.equal(await count(node), 3);
}

Deno.test("the launcher starts a node again when it was killed, and nothing is lost or counted twice", () =>
  withNode(async (node) => {
    await post(node);
    await post(node);
    const pid = await node.pid();
    Deno.kill(pid, "SIGKILL");
    await comesBack(node, pid, /The node died and starts again in \d+ ms: it was ended by SIGKILL\./);
    const { code, output } = await node.stop("SIGTERM");
    assert.equal(code, 0);
    assert.match(output, /stopped\n$/);
  }));

Deno.test("the launcher kills a node that hangs, and starts it again", () =>
  withNode(async (node) => {
    await post(node);
    await post(node);
    const pid = await node.pid();
    Deno.kill(pid, "SIGSTOP");
    await comesBack(node, pid, /it did not answer for 10 s and was killed/);
  }));

Deno.test("a node ends when its launcher is killed", () =>
  withNode(async (node) => {
    const pid = await node.pid();
    Deno.kill(await node.launcherPid(), "SIGKILL");
    const isGone = () => Promise.resolve(isAlive(pid) ? null : true);
    assert.ok(await eventually("the end of the node", deadlineMs, isGone));
  }));

Deno.test("the launcher gives up on a node that dies again and again, with exit code 1 and one sentence", () =>
  withNode(async (node) => {
    const launcher = await node.launcherPid();
    const ended = node.ended;
    let isEnded = false;
    void ended.then(() => isEnded = true);
    const killed = new Set<number>();
    await eventually("the launcher to give up", giveUpMs, async () => {
      const pid = isEnded ? null : await childOf(launcher);
      if (pid !== null && !killed.has(pid)) {
        killed.add(pid);
        killHard(pid);
      }
      return isEnded ? true : null;
    });
    const { code, errors } = await ended;
    assert.equal(code, 1, errors);
    assert.equal(killed.size, 11, "10 restarts a minute are allowed");
    const sentence = errors.trimEnd().split("\n").at(-1) ?? "";
    assert.match(
      sentence,
      /^Sensorium gives up: .* 10 restarts within 60000 ms .* it was ended by SIGKILL\.?$/,
    );
  }));

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}
