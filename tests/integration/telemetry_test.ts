/** Traces of a real node, as a collector receives them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Node } from "../services/node.ts";
import { OtlpReceiver } from "../services/otlp_receiver.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";

async function post(node: Node, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const response = await fetch(`${node.url}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify([{ id: "42", values: { temperature: 21.5 } }]),
  });
  assert.equal(response.status, 202, await response.text());
}

async function logOf(dataDir: string): Promise<string> {
  let bytes = "";
  for await (const { name } of Deno.readDir(join(dataDir, "log"))) {
    bytes += new TextDecoder("latin1").decode(await Deno.readFile(join(dataDir, "log", name)));
  }
  return bytes;
}

Deno.test("one POST is one trace, from the request to the checkpoint", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-otel-" });
  await using receiver = new OtlpReceiver();
  {
    await using node = await Node.start({
      dataDir,
      flags: ["--no-host-metrics"],
      environment: receiver.environment,
    });
    await post(node, { traceparent: `00-${traceId}-${parentId}-01` });
    const spans = await receiver.trace(traceId, "checkpoint");
    assert.deepEqual(spans.map(({ name }) => name), ["POST /readings", "append", "fold", "checkpoint"]);
    assert.deepEqual(spans.map(({ parentSpanId }) => parentSpanId), [
      parentId,
      ...spans.slice(0, -1).map(({ spanId }) => spanId),
    ]);
    const [, append, fold, checkpoint] = spans;
    assert.equal(append?.attributes["sensorium.shards"], 1);
    assert.equal(append?.attributes["sensorium.messages"], 1);
    assert.equal(fold?.attributes["sensorium.messages"], 1);
    assert.equal(fold?.attributes["sensorium.shard"], checkpoint?.attributes["sensorium.shard"]);
    assert.equal(checkpoint?.attributes["sensorium.actors"], 1);
    assert.ok(Number(checkpoint?.attributes["sensorium.bytes"]) > 0);
    assert.ok(fold!.endTimeUnixNano <= checkpoint!.startTimeUnixNano);
    assert.match(await logOf(dataDir), new RegExp(`00-${traceId}-${append?.spanId}-01`));
    assert.equal((await node.stop()).code, 0);
  }
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("what is folded again after a crash says so in its trace", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-otel-" });
  await using receiver = new OtlpReceiver();
  const options = { dataDir, environment: receiver.environment };
  {
    await using node = await Node.start({
      ...options,
      flags: ["--no-host-metrics", "--checkpoint-ms", "60000"],
    });
    await post(node, { traceparent: `00-${traceId}-${parentId}-01` });
    await receiver.trace(traceId, "fold");
    await node.kill();
  }
  {
    await using _node = await Node.start({ ...options, flags: ["--no-host-metrics"] });
    const spans = await receiver.trace(traceId, "checkpoint");
    const [, append, ...folds] = spans.slice(0, -1);
    assert.deepEqual(folds.map(({ name, parentSpanId }) => [name, parentSpanId]), [
      ["fold", append?.spanId],
      ["fold", append?.spanId],
    ]);
    assert.deepEqual(folds.map(({ attributes }) => attributes["sensorium.replay"] ?? false), [false, true]);
  }
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("a request that the sampler leaves out changes no frame and has no spans", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-otel-" });
  await using receiver = new OtlpReceiver();
  {
    await using node = await Node.start({
      dataDir,
      flags: ["--no-host-metrics"],
      environment: { ...receiver.environment, OTEL_TRACES_SAMPLER: "parentbased_always_off" },
    });
    await post(node, { traceparent: `00-${"1".repeat(32)}-${parentId}-00` });
    await post(node);
    const log = await logOf(dataDir);
    assert.match(log, /"temperature",21\.5/);
    assert.doesNotMatch(log, /"00-[0-9a-f]{32}-/);
    // A trace after them, which is sampled, shows that theirs would have come by now.
    await post(node, { traceparent: `00-${traceId}-${parentId}-01` });
    await receiver.trace(traceId, "checkpoint");
    assert.deepEqual(new Set(receiver.spans.map((span) => span.traceId)), new Set([traceId]));
  }
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("a node whose OpenTelemetry is switched off sends nothing and names no trace in its frames", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-otel-" });
  await using receiver = new OtlpReceiver();
  {
    const environment = { ...receiver.environment, OTEL_DENO: "false" };
    await using node = await Node.start({ dataDir, flags: ["--no-host-metrics"], environment });
    await post(node, { traceparent: `00-${traceId}-${parentId}-01` });
    const log = await logOf(dataDir);
    assert.match(log, /"temperature",21\.5/);
    assert.doesNotMatch(log, new RegExp(traceId));
    assert.equal((await node.stop()).code, 0);
    assert.equal(receiver.requests, 0);
  }
  await Deno.remove(dataDir, { recursive: true });
});
