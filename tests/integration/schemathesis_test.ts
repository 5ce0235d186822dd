/**
 * An outside judge: schemathesis reads `/openapi.json` of a real node and holds the node to it, with every check and in
 * every phase. No 5xx, no status, media type or member that is not documented; what the document allows is taken, what
 * it does not allow is refused; other methods get 405 with `Allow`; without the token there is nothing.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Node } from "../services/node.ts";
import { programPath, skipUnlessInstalled } from "../services/required.ts";

const ignore = skipUnlessInstalled("The judge of the HTTP edge", ["schemathesis"]);

const token = "correct-horse-battery-staple";
const seed = 1;
/** Of each operation, in each phase: about 1,500 requests and 20 s in all. */
const maxExamples = 8;
const requestTimeoutS = 15;
/** Fewer mean that a phase had nothing to try. */
const minRequests = 1000;
const deadlineMs = 120_000;

const besides = (file: string) => fileURLToPath(new URL(`./schemathesis/${file}`, import.meta.url));

/** What it finds in the node is the examples of the document: they must be there for its examples to be found. */
async function postExamples(node: Node): Promise<void> {
  const bodies = {
    readings: { id: "42959", values: { temperature: 21.5 } },
    series: { id: 'load1{host="a"}', value: 1 },
  };
  for (const [path, body] of Object.entries(bodies)) {
    const response = await fetch(`${node.url}/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 202, await response.text());
  }
}

/** Runs in a folder of its own, for it leaves files behind. */
async function judge(
  node: Node,
  cwd: string,
): Promise<{ readonly success: boolean; readonly report: string }> {
  const { success, stdout, stderr } = await new Deno.Command(programPath("schemathesis"), {
    args: [
      ["--config-file", besides("schemathesis.toml"), "run", `${node.url}/openapi.json`],
      ["--phases", "examples,coverage,fuzzing,stateful", "--checks", "all", "--mode", "all"],
      ["--header", `Authorization: Bearer ${token}`],
      ["--seed", `${seed}`, "--max-examples", `${maxExamples}`, "--request-timeout", `${requestTimeoutS}`],
      // Those say how quick the machine is, and how often a generated value had to be thrown away.
      ["--suppress-health-check", "all", "--no-color"],
    ].flat(),
    cwd,
    env: { SCHEMATHESIS_HOOKS: besides("hooks.py"), PYTHONDONTWRITEBYTECODE: "1" },
    signal: AbortSignal.timeout(deadlineMs),
  }).output();
  return { success, report: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "schemathesis finds nothing in a node that its document does not say",
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sensorium-schemathesis-" });
    try {
      await using node = await Node.start({
        dataDir: `${folder}/data`,
        flags: ["--no-host-metrics", "--shards", "2"],
        environment: { SENSORIUM_TOKEN: token },
      });
      await postExamples(node);
      const { success, report } = await judge(node, folder);
      assert.ok(success, report);
      const [, generated = "0", passed = ""] = /(\d+) generated, (\d+) passed/.exec(report) ?? [];
      assert.equal(generated, passed, report);
      assert.ok(Number(generated) >= minRequests, report);
      for (const phase of ["Examples", "Coverage", "Fuzzing", "Stateful"]) {
        assert.match(report, new RegExp(`✅ ${phase}`), report);
      }
      assert.equal((await (await fetch(`${node.url}/readyz`)).json()).status, "ready");
      assert.doesNotMatch(node.errors, /Cannot answer/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
