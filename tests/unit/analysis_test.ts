/** The actor `analysis`: when it asks for what, and what it keeps of the answers. */

import assert from "node:assert/strict";
import { z } from "zod";
import { analysisDefinition } from "../../actors/analysis/analysis.ts";
import { makeForecast } from "../../actors/analysis/forecasting.ts";
import { Judgement } from "../../actors/http/forecast_schemas.ts";
import { keptJudgements } from "../../actors/analysis/limits.ts";
import type { Json } from "../../runtime/core/actor.ts";
import { maxRequestUnits } from "../../runtime/core/limits.ts";
import { probe, type ServiceRequest, TestNode } from "../../runtime/testkit.ts";

const minute = 60_000;
const id = 'load{host="a"}';
const analysis = { kind: "analysis", id } as const;
const series = { kind: "series", id } as const;

function start() {
  return new TestNode({ definitions: [analysisDefinition(), probe("series")] });
}

type Node = ReturnType<typeof start>;

function requestsTo(node: Node, service: string): readonly ServiceRequest[] {
  return node.requests().filter((request) => request.service === service);
}

const Task = z.object({ found: z.unknown(), failure: z.string().nullable() });
const State = z.object({
  values: Task,
  metadata: Task,
  judgements: z.array(z.unknown()),
  results: z.unknown(),
});

function stateOf(node: Node): z.infer<typeof State> {
  return State.parse(node.ask(analysis, "state"));
}

function find(node: Node, request: ServiceRequest | undefined, more: Readonly<Record<string, Json>>): void {
  assert.ok(request !== undefined, "it has asked");
  const body = request.body as { readonly atMs: number };
  node.reply(request, { type: "answered", value: { atMs: body.atMs, tookMs: 7, ...more } });
}

Deno.test("each task is asked for on its own schedule, whatever dies meanwhile", () => {
  const node = start();
  const asked: string[] = [];
  const wanted = { values: { everyMs: minute }, metadata: { everyMs: 3 * minute } };
  node.send(analysis, { analyse: wanted, by: "a" });
  for (let i = 0; i < 6; i++) {
    node.advance(minute);
    if (i % 2 === 0) node.killHost();
    for (const request of requestsTo(node, "analysis")) {
      const { task, atMs } = request.body as { task: string; atMs: number };
      asked.push(`${task} at ${Math.floor((atMs - node.nowMs) / minute) + i + 1}`);
      find(node, request, { found: {} });
    }
    for (const request of requestsTo(node, "results")) {
      node.reply(request, { type: "answered", value: null });
    }
  }
  assert.deepEqual(asked.filter((each) => each.startsWith("values")).length, 6);
  assert.deepEqual(asked.filter((each) => each.startsWith("metadata")), ["metadata at 0", "metadata at 3"]);
  node.expectReplays();
});

Deno.test("what is found goes to the topic under an id of its own", () => {
  const node = start();
  node.send(analysis, { analyse: { metadata: { everyMs: minute } }, by: "a" });
  node.advance(minute);
  const [request] = requestsTo(node, "analysis");
  const { atMs } = request!.body as { atMs: number };
  find(node, request, { found: { gaps: 0 } });
  const [result] = requestsTo(node, "results");
  assert.deepEqual(result?.body, {
    v: 1,
    kind: "metadata",
    id: `metadata/${id}/${atMs}`,
    series: id,
    at: atMs,
    tookMs: 7,
    metadata: { gaps: 0 },
  });
  node.reply(result!, { type: "failed", code: "timeout", detail: "Kafka is away." });
  const { results } = stateOf(node);
  assert.deepEqual(results, { stored: 0, failed: 1, failure: "timeout: Kafka is away." });
  assert.deepEqual(stateOf(node).metadata.found, { gaps: 0 });
});

Deno.test("what cannot be found leaves the last findings, and says why", () => {
  const node = start();
  node.send(analysis, { analyse: { metadata: { everyMs: minute } }, by: "a" });
  node.advance(minute);
  find(node, requestsTo(node, "analysis")[0], { found: { gaps: 0 } });
  node.advance(minute);
  find(node, requestsTo(node, "analysis")[0], { unknown: "not enough information because it is constant" });
  assert.deepEqual(stateOf(node).metadata.found, { gaps: 0 });
  const { failure } = stateOf(node).metadata;
  assert.equal(failure, "not enough information because it is constant");
  node.advance(minute);
  node.reply(requestsTo(node, "analysis")[0]!, { type: "failed", code: "failed", detail: "It threw." });
  assert.equal(stateOf(node).metadata.failure, "failed: It threw.");
});

Deno.test("a series with too few values is looked at again after a minute", () => {
  const node = start();
  node.send(analysis, { analyse: { metadata: { everyMs: 15 * minute } }, by: "a" });
  node.advance(minute);
  for (let i = 0; i < 3; i++) {
    find(node, requestsTo(node, "analysis")[0], {
      unknown: "not enough information because it has no values yet",
    });
    node.advance(minute);
  }
  find(node, requestsTo(node, "analysis")[0], { found: { gaps: 0 } });
  node.advance(10 * minute);
  assert.deepEqual(requestsTo(node, "analysis"), []);
  node.expectReplays();
});

Deno.test("a forecast is asked for with what the last one gave back; judgements are bounded", () => {
  const node = start();
  const forecast = { everyMs: minute, horizonMs: 10 * minute };
  node.send(analysis, { analyse: { forecast }, by: "a" });
  node.send(analysis, { analyse: { forecast: { ...forecast, horizonMs: 30 * minute } }, by: "b" });
  for (let i = 0; i < keptJudgements + 5; i++) {
    node.advance(minute);
    const [request] = requestsTo(node, "analysis");
    const { memory, horizonMs } = request!.body as { memory: Json; horizonMs: number };
    assert.deepEqual([memory, horizonMs], [i === 0 ? null : { fit: i - 1 }, 30 * minute]);
    find(node, request, { found: { path: [i] }, memory: { fit: i }, judgement: { i } });
  }
  const judgements = stateOf(node).judgements;
  assert.deepEqual([judgements.length, judgements[0]], [keptJudgements, { i: 5 }]);
  assert.deepEqual(node.ask(analysis, "remembered"), { memory: { fit: keptJudgements + 4 }, judgements });
});

Deno.test("another horizon is asked for at once, and no further than a schedule can", () => {
  const node = start();
  const horizons = () =>
    requestsTo(node, "analysis").map(({ body }) => (body as { horizonMs: number }).horizonMs / minute);
  const want = (horizonMs: number) =>
    node.send(analysis, { analyse: { forecast: { everyMs: 60 * minute, horizonMs } }, by: "a" });
  want(10 * minute);
  node.advance(minute);
  assert.deepEqual(horizons(), [10]);
  find(node, requestsTo(node, "analysis")[0], { found: {} });
  want(24 * 60 * minute);
  node.advance(minute);
  assert.deepEqual(horizons(), [6 * 60]);
  node.expectReplays();
});

Deno.test("what is too long for a request is told, and the schedule goes on", () => {
  const node = start();
  const long = "x".repeat(maxRequestUnits);
  node.send(analysis, { analyse: { forecast: { everyMs: minute, horizonMs: 10 * minute } }, by: "a" });
  node.advance(minute);
  find(node, requestsTo(node, "analysis")[0], { found: { long }, memory: { long } });
  assert.deepEqual(requestsTo(node, "results"), []);
  const { failed, failure } = stateOf(node).results as { failed: number; failure: string };
  assert.deepEqual([failed, failure.slice(0, 9)], [1, "too-long:"]);
  node.advance(minute);
  const [next] = requestsTo(node, "analysis");
  assert.equal((next!.body as { memory: Json }).memory, null);
  node.expectReplays();
});

Deno.test("the actor tells how its last forecasts did, as HTTP answers it", () => {
  const node = start();
  node.send(analysis, { analyse: { forecast: { everyMs: minute, horizonMs: 10 * minute } }, by: "a" });
  for (let steps = 300; steps <= 325; steps++) {
    node.advance(minute);
    const [request] = requestsTo(node, "analysis");
    const { memory, atMs } = request!.body as { memory: Json; atMs: number };
    const values = Float64Array.from({ length: steps }, (_, t) => t * 7919 % 13);
    const job = { channel: "value", formerChannel: "value", horizonSteps: 10, memory, atMs } as const;
    const made = makeForecast({ ...job, series: { startMs: 0, stepMs: minute, values } });
    const { forecast, judgement, memory: next } = JSON.parse(JSON.stringify(made));
    find(node, request, {
      found: forecast.value,
      memory: next,
      ...judgement !== null && { judgement },
    });
  }
  const judgements = Judgement.array().parse(stateOf(node).judgements);
  assert.deepEqual(
    judgements.map(({ startMs, steps, channel }) => [startMs / minute, steps, channel]),
    [[300, 10, "value"], [310, 10, "value"]],
  );
  node.expectReplays();
});

Deno.test("its series keeps one-minute history while metadata or forecasts are wanted", () => {
  const node = start();
  const selects = () => node.received(series).map(({ message }) => message);
  node.send(analysis, { analyse: { values: { everyMs: minute } }, by: "a" });
  assert.deepEqual(selects(), []);
  node.send(analysis, { analyse: { metadata: { everyMs: minute } }, by: "b" });
  node.send(analysis, { analyse: { metadata: { everyMs: minute } }, by: "c" });
  node.send(analysis, { analyse: {}, by: "b" });
  const by = "analysis/minutes";
  assert.deepEqual(selects(), [{ select: { minutes: true }, by }]);
  node.send(analysis, { analyse: {}, by: "c" });
  assert.deepEqual(selects(), [{ select: { minutes: true }, by }, { select: {}, by }]);
});

Deno.test("what nobody wants any more is forgotten, and its answer dropped", () => {
  const node = start();
  node.send(analysis, { analyse: { values: { everyMs: minute } }, by: "a" });
  node.advance(minute);
  const [request] = requestsTo(node, "analysis");
  node.send(analysis, { analyse: {}, by: "a" });
  find(node, request, { found: {} });
  node.advance(10 * minute);
  assert.deepEqual(node.requests(), []);
  assert.equal(stateOf(node).values.found, null);
});

Deno.test("a request that is at work still is not made twice", () => {
  const node = start();
  node.send(analysis, { analyse: { values: { everyMs: minute } }, by: "a" });
  node.advance(4 * minute);
  assert.equal(requestsTo(node, "analysis").length, 1);
  node.advance(2 * minute);
  const { values } = stateOf(node);
  assert.match(values.failure ?? "", /^timeout: /);
});
