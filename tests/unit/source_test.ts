/** Sources: when they are read, how far, and what is kept of it. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { type ServiceRequest, simulateDefinition, TestNode } from "../../runtime/testkit.ts";
import { samplesPerQuery } from "../../actors/sources/prometheus/limits.ts";
import {
  type ScrapeAnswer,
  ScrapeRequest,
  Tallying,
} from "../../actors/sources/prometheus/scrape_messages.ts";
import { sourceDefinition } from "../../actors/sources/prometheus/source.ts";
import { HttpSourceSpec, SourceSpec } from "../../actors/sources/prometheus/source_spec.ts";

const source = { kind: "source", id: "node" } as const;
const everyMs = 15_000;
const stepMs = 15_000;
const hour = 3_600_000;
const target = SourceSpec.parse({ type: "target", url: "http://h:9100/metrics" });
const server = SourceSpec.parse({
  type: "prometheus",
  url: "http://h:9090",
  match: "up",
  max: 1000,
  backfill: "2h",
  step: "15s",
});

Deno.test("a server's step is a minute unless told otherwise: its own interval, below which rates are wrong", () => {
  const spec = SourceSpec.parse({ type: "prometheus", url: "http://h:9090", match: "up" });
  assert.equal(spec.type === "prometheus" && spec.step, "1m");
});

function start() {
  return new TestNode({ definitions: [sourceDefinition()] });
}

type Node = ReturnType<typeof start>;

const Shown = z.object({
  spec: z.unknown(),
  origin: z.string().nullable(),
  isUp: z.boolean().nullable(),
  failure: z.string().nullable(),
  failures: z.number(),
  readings: z.number(),
  readTo: z.string().nullable(),
  behindMs: z.number().nullable(),
});

function stateOf(node: Node): z.infer<typeof Shown> {
  return Shown.parse(node.ask(source, "state"));
}

function asked(node: Node): ServiceRequest & { readonly request: ScrapeRequest } {
  const [request, ...more] = node.requests();
  assert.deepEqual(more, [], "one request at a time");
  assert.equal(request?.service, "scrape");
  return { ...request!, request: ScrapeRequest.parse(request!.body) };
}

function answer(node: Node, more: Partial<ScrapeAnswer> = {}): ScrapeRequest {
  const { request, ...asking } = asked(node);
  const value: ScrapeAnswer = {
    atMs: node.nowMs,
    tookMs: 7,
    bytes: 100,
    ...new Tallying().tally,
    failure: null,
    ...more,
  };
  node.reply(asking, { type: "answered", value });
  node.run();
  return request;
}

Deno.test("a target is read at once, then each interval, whatever dies meanwhile", () => {
  const node = start();
  node.send(source, { configure: target, origin: "http" });
  assert.equal(stateOf(node).isUp, null);
  assert.deepEqual(asked(node).request, { spec: target, range: null, isFailing: false });
  node.killHost();
  answer(node);
  assert.equal(stateOf(node).isUp, true);
  // The second reading is at some moment of the first interval, so that sources spread.
  node.advance(everyMs);
  answer(node);
  for (let i = 0; i < 4; i++) {
    node.advance(everyMs);
    if (i === 1) node.loseNode();
    answer(node);
  }
  assert.equal(stateOf(node).readings, 6);
  node.expectReplays();
  node.expectNoDeadLetters();
});

Deno.test("sources that are configured in one moment are read at moments of their own", () => {
  const node = start();
  const ids = Array.from({ length: 20 }, (_, i) => `s${i}`);
  for (const id of ids) node.send({ kind: "source", id }, { configure: target, origin: "file" });
  const value = { atMs: node.nowMs, tookMs: 1, bytes: 1, ...new Tallying().tally, failure: null };
  for (const request of node.requests()) node.reply(request, { type: "answered", value });
  const moments = new Set<number>();
  for (let second = 0; second < 15; second++) {
    node.advance(1000);
    const due = node.requests();
    if (due.length > 0) moments.add(second);
    for (const request of due) node.reply(request, { type: "answered", value });
  }
  assert.ok(moments.size >= 8, `${moments.size} moments of 15`);
});

Deno.test("a reading that is late is not joined by another; one that fails is counted, with its sentence", () => {
  const node = start();
  node.send(source, { configure: target, origin: "http" });
  node.run();
  node.advance(everyMs + 1);
  assert.equal(node.requests().length, 1);
  answer(node, { failure: { code: "timeout", sentence: "It has not answered within 10 s" } });
  assert.deepEqual(
    { ...stateOf(node), spec: null },
    {
      ...stateOf(node),
      spec: null,
      isUp: false,
      failure: "It has not answered within 10 s",
      failures: 1,
      readings: 1,
    },
  );
  node.advance(everyMs);
  assert.equal(asked(node).request.isFailing, true);
  // Nobody answers until the request's own deadline.
  node.advance(4 * everyMs);
  assert.match(stateOf(node).failure!, /has not answered in time/);
  assert.ok(stateOf(node).failures >= 2);
  node.advance(everyMs);
  answer(node);
  assert.deepEqual([stateOf(node).failure, stateOf(node).failures], [null, 0]);
});

Deno.test("a source that is removed or changed forgets what was asked before", () => {
  const node = start();
  node.send(source, { configure: target, origin: "http" });
  const first = asked(node);
  node.send(source, { configure: { ...target, url: "http://other:1/metrics" }, origin: "http" });
  const second = node.requests().find(({ id }) => id !== first.id)!;
  const failure = { code: "status", sentence: "It answers with 500" } as const;
  const value = { atMs: 0, tookMs: 1, bytes: 1, ...new Tallying().tally, failure };
  node.reply(first, { type: "answered", value });
  assert.equal(stateOf(node).isUp, null);
  node.reply(second, { type: "answered", value: { ...value, failure: null } });
  assert.equal(stateOf(node).isUp, true);
  node.send(source, { configure: null, origin: "http" });
  node.advance(10 * everyMs);
  assert.deepEqual(node.requests(), []);
  assert.equal(stateOf(node).spec, null);
});

Deno.test("what the configuration file says is not changed over HTTP, where no file can be named", () => {
  const node = start();
  const withFile: Json = { ...target, bearer_token_file: "/run/token" };
  node.send(source, { configure: withFile, origin: "http" });
  assert.equal(node.deadLetters()[0]?.reason, "names-file");
  assert.ok(!HttpSourceSpec.safeParse(withFile).success);
  node.send(source, { configure: withFile, origin: "file" });
  node.send(source, { configure: null, origin: "http" });
  assert.equal(node.deadLetters()[1]?.reason, "of-file");
  assert.equal(stateOf(node).origin, "file");
  node.send(source, { configure: null, origin: "file" });
  assert.equal(stateOf(node).spec, null);
});

/** Answers until nothing is asked; the ranges that were asked for. */
function readAll(
  node: Node,
  series: number,
): readonly (readonly [fromMs: number, toMs: number, isImport: boolean])[] {
  const ranges: [number, number, boolean][] = [];
  while (node.requests().length > 0) {
    const { range } = answer(node, { series });
    ranges.push([range!.fromMs, range!.toMs, range!.isImport]);
  }
  return ranges;
}

Deno.test("a server is read from its back-fill on, each moment once, then live, across restarts", () => {
  const node = start();
  const firstMs = node.nowMs;
  node.send(source, { configure: server, origin: "http" });
  node.run();
  assert.equal(stateOf(node).behindMs, 2 * hour);
  const ranges: (readonly [number, number, boolean])[] = [];
  for (let i = 0; i < 3; i++) {
    const { range } = answer(node, { series: 1000 });
    ranges.push([range!.fromMs, range!.toMs, range!.isImport]);
    if (i === 0) node.killHost();
    if (i === 1) node.loseNode();
  }
  // 1,000 series: as many moments as make the samples of one query.
  assert.equal((ranges[1]![1] - ranges[1]![0]) / stepMs + 1, samplesPerQuery / 1000);
  ranges.push(...readAll(node, 1000));
  assert.deepEqual(stateOf(node).behindMs, 0);
  for (let i = 0; i < 5; i++) {
    node.advance(everyMs);
    ranges.push(...readAll(node, 1000));
  }
  let toMs = Math.floor((firstMs - 2 * hour) / stepMs) * stepMs;
  for (const range of ranges) {
    assert.equal(range[0], toMs + stepMs);
    toMs = range[1];
  }
  assert.ok(node.nowMs - toMs < stepMs + everyMs);
  assert.equal(ranges[0]![2], true);
  assert.equal(ranges.at(-1)![2], false);
  node.expectReplays();
});

Deno.test("what a server fails to answer is asked for again, less of it where it was too much", () => {
  const node = start();
  node.send(source, { configure: server, origin: "http" });
  const failure = { code: "too-large", sentence: "Its answer has more than 16 MiB" } as const;
  const first = answer(node, { failure }).range!;
  assert.deepEqual(node.requests(), []);
  node.advance(everyMs);
  const second = answer(node, { series: 1 }).range!;
  assert.equal(second.fromMs, first.fromMs);
  assert.ok(second.toMs < first.toMs);
  const third = asked(node).request.range!;
  assert.equal(third.fromMs, second.toMs + stepMs);
});

Deno.test("a server that is read otherwise is read anew; one that is read more often goes on", () => {
  const node = start();
  node.send(source, { configure: server, origin: "http" });
  readAll(node, 10);
  node.send(source, { configure: { ...server, every: "30s", timeout: "20s" }, origin: "http" });
  assert.deepEqual(node.requests(), []);
  assert.equal(stateOf(node).behindMs, 0);
  node.send(source, { configure: { ...server, match: ["up", "down"] }, origin: "http" });
  assert.equal(stateOf(node).behindMs, 2 * hour);
  const { request, dueMs } = asked(node);
  assert.deepEqual(request.spec.match, ["up", "down"]);
  // Each selector is a query, which may take its time-out.
  assert.ok(dueMs - node.nowMs >= 20_000);
});

Deno.test("sources are what their log says, whatever dies", () => {
  // Rarely, so that a run is no long row of timers.
  const [rare, past] = [{ ...target, every: "1h" }, { ...server, every: "1h" }];
  const specs = [null, rare, { ...rare, every: "30m" }, past, { ...past, step: "30s" }];
  const { deaths } = simulateDefinition({
    definitions: [sourceDefinition()],
    messages: (random) => () => ({
      to: { kind: "source", id: random.pick(["a", "b", "c"]) },
      message: { configure: random.pick(specs), origin: random.pick(["http", "file"]) },
    }),
    seeds: 10,
  });
  assert.ok(deaths > 50);
});

Deno.test("what is taken of remote write is kept, asks for nothing, and has one name", () => {
  const node = start();
  const spec = { type: "remote-write", match: "up", max: 5 };
  const to = { kind: "source", id: "remote-write" } as const;
  const shown = () => Shown.parse(node.ask(to, "state"));
  node.send(to, { configure: { type: "target", url: "http://h/" }, origin: "http" });
  assert.equal(node.requests().length, 1);
  node.send(to, { configure: spec, origin: "http" });
  assert.deepEqual([shown().spec, shown().isUp, shown().readings], [spec, null, 0]);
  node.advance(2 * 24 * hour);
  node.send(to, "read");
  // The target's was given up at its deadline.
  assert.deepEqual(node.requests(), []);
  node.send(source, { configure: spec, origin: "http" });
  assert.equal(stateOf(node).spec, null);
  node.send(to, { configure: null, origin: "http" });
  assert.equal(shown().spec, null);
  assert.deepEqual(node.deadLetters().map(({ reason }) => reason), ["misnamed"]);
});

const url = "http://h:9100/metrics";
const mistakes: readonly (readonly [spec: Json, sentence: RegExp])[] = [
  [{ type: "target" }, /an address such as http/],
  [{ type: "target", url: "ftp://h/" }, /an address such as http/],
  [{ type: "target", url: "http://me:secret@h/" }, /without a name, password or #/],
  [{ type: "kafka", url }, /the type "target", "prometheus" or "remote-write" is needed/],
  [{ type: "remote-write", match: "up{" }, /It ends where it needs/],
  [{ type: "remote-write", max: 0 }, /a whole number from 1 to 100000/],
  [{ type: "remote-write", labels: { "a-b": "c" } }, /at most 32 labels are needed/],
  [{ type: "remote-write", rename: { "a b": "c" } }, /at most 200 names of metrics/],
  [{ type: "remote-write", url }, /[Uu]nrecognized key: "url"/],
  [{ type: "remote-write", every: "15s" }, /[Uu]nrecognized key: "every"/],
  [{ type: "prometheus", url }, /a selector as PromQL writes them is needed, or a list of 1 to 16/],
  [{ type: "prometheus", url, match: [] }, /a list of 1 to 16/],
  [{ type: "prometheus", url, match: "up{" }, /It ends where it needs/],
  [{ type: "prometheus", url, match: ["up", "up{"] }, /It ends where it needs/],
  [{ type: "target", url, every: "5s", timeout: "10s" }, /a time that is no longer than every/],
  [{ type: "target", url, every: "0s" }, /a time from 1s to 24h/],
  [{ type: "target", url, max: 0 }, /a whole number from 1 to 100000/],
  [{ type: "target", url, labels: { "a-b": "c" } }, /at most 32 labels are needed/],
  [{ type: "target", url, rename: { "a b": "c" } }, /at most 200 names of metrics/],
];

for (const [spec, sentence] of mistakes) {
  Deno.test(`SourceSpec refuses ${JSON.stringify(spec)}`, () => {
    const { success, error } = SourceSpec.safeParse(spec);
    assert.ok(!success);
    assert.match(error.issues[0]!.message, sentence);
  });
}
