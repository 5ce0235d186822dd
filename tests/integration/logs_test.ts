/** The log of a real node as a collector reads it: one JSON object a line, and no secret in any. */

import assert from "node:assert/strict";
import { z } from "zod";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { Node, runStart } from "../services/node.ts";

const deadlineMs = 15_000;
const token = "correct-horse-battery";

const Line = z.looseObject({
  time: z.iso.datetime(),
  level: z.enum(["debug", "info", "warn", "error"]),
  component: z.string().min(1),
  event: z.string().min(1),
  message: z.string().min(1),
});
type Line = z.infer<typeof Line>;

/** Throws unless every line is what a collector expects. */
function linesOf(text: string): Line[] {
  return text.split("\n").filter((line) => line !== "").map((line) => Line.parse(JSON.parse(line)));
}

function inFolder(test: (dataDir: string) => Promise<void>): () => Promise<void> {
  return () => withFolder(test);
}

/** Readings that are dead letters: a keyed body's times are judged by the fold. */
async function postDead(node: Node, key: string): Promise<void> {
  const ts = new Date(Date.now() + 86_400_000).toISOString();
  const response = await fetch(`${node.url}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key, authorization: `Bearer ${token}` },
    body: JSON.stringify([{ id: "7", ts, values: { temperature: 1 } }]),
  });
  assert.equal(response.status, 202, await response.text());
}

Deno.test(
  "a node's log has its start, its requests, its dead letters and its stop, as JSON, and no token",
  inFolder(async (dataDir) => {
    const flags = [
      "--no-host-metrics",
      "--log-format",
      "json",
      "--log-level",
      "debug",
      "--checkpoint-ms",
      "50",
    ];
    await using node = await Node.start({ dataDir, flags, environment: { SENSORIUM_TOKEN: token } });
    const events = () =>
      linesOf(node.errors.slice(0, node.errors.lastIndexOf("\n"))).map(({ event }) => event);
    const count = (event: string) => events().filter((one) => one === event).length;

    await (await fetch(`${node.url}/sensors?token=${token}`)).body?.cancel();
    await postDead(node, "first");
    await eventually("the dead letter", deadlineMs, () => Promise.resolve(count("dead-letter") > 0 || null));
    for (const key of ["second", "third"]) await postDead(node, key);

    const { code, output, errors } = await node.stop();
    assert.equal(code, 0, errors);
    assert.equal(output, "", "the screen is for people");
    assert.ok(!errors.includes(token), errors);

    const lines = linesOf(errors);
    const find = (event: string) => lines.filter((line) => line.event === event);
    const [starting] = find("starting");
    assert.equal(starting?.dataFolder, dataDir);
    assert.equal(find("ready")[0]?.url, node.url);
    const steps = lines.filter(({ event }) => event === "stopping").map(({ message }) => message);
    assert.deepEqual(steps, [
      "It was asked to stop.",
      "Its services have ended: nothing new is accepted.",
      "What was accepted is in the log.",
      "Its shards have made their last checkpoints.",
      "Its threads have ended.",
    ]);
    assert.equal(find("stopped").length, 1);
    const requests = find("request").map(({ method, path, status }) => `${method} ${path} ${status}`);
    assert.deepEqual(requests, ["GET /sensors 401", ...Array(3).fill("POST /readings 202")]);

    const [letter, others, ...more] = find("dead-letter");
    assert.deepEqual(more, []);
    assert.equal(letter?.reason, "too-far-ahead");
    assert.equal(letter?.kind, "sensor");
    assert.match(letter?.component ?? "", /^host-\d+$/);
    assert.equal(others?.repeated, 2, "what repeats is counted, also at the stop");
  }),
);

Deno.test(
  "a launcher's log is JSON too, and tells why it starts a node again",
  inFolder(async (dataDir) => {
    const flags = ["--no-host-metrics"];
    await using node = await Node.start({ dataDir, flags, environment: { SENSORIUM_LOG_FORMAT: "json" } });
    Deno.kill(await node.pid(), "SIGKILL");
    const died = await eventually("the launcher's word", deadlineMs, () => {
      const lines = linesOf(node.errors.slice(0, node.errors.lastIndexOf("\n")));
      const isBack = lines.filter(({ event }) => event === "ready").length === 2;
      return Promise.resolve(isBack ? lines.find(({ event }) => event === "node-died") ?? null : null);
    });
    assert.deepEqual([died.level, died.component, died.reason], [
      "error",
      "launcher",
      "it was ended by SIGKILL",
    ]);
    assert.equal((await node.stop()).code, 0);
  }),
);

Deno.test(
  "a refusal is one JSON line, too",
  inFolder(async (dataDir) => {
    const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
    const asked = ["cluster", ...ports, "--data", dataDir, "--log-format", "json", "--host", "0.0.0.0"];
    const { code, output, errors } = await runStart(asked);
    assert.deepEqual([code, output], [2, ""]);
    const lines = linesOf(errors);
    assert.equal(lines.length, 1, errors);
    assert.equal(lines[0]?.event, "refused");
    assert.match(lines[0]?.message ?? "", /no token is set/);
  }),
);
