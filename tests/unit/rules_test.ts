/** Rules: which series they select, what they tell them, and what they find. */

import assert from "node:assert/strict";
import { z } from "zod";
import { type OfferingEngine, offerToRules } from "../../actors/rules/offering.ts";
import { ruleDefinition } from "../../actors/rules/rule.ts";
import { RuleSpec } from "../../actors/rules/rule_spec.ts";
import { Selected } from "../../actors/rules/selected.ts";
import { selectorService } from "../../actors/rules/selector.ts";
import type { Json } from "../../runtime/core/actor.ts";
import type { AskResult } from "../../runtime/node/engine.ts";
import { probe, TestNode } from "../../runtime/testkit.ts";

const rule = { kind: "rule", id: "loads" } as const;
const minute = 60_000;
const spec = RuleSpec.parse({ match: '{__name__="load"}', do: ["rate", "metadata"], max: 3 });

function start() {
  return new TestNode({ definitions: [ruleDefinition(), probe("series"), probe("analysis")] });
}

type Node = ReturnType<typeof start>;

const State = z.object({
  selected: z.number(),
  beyond: z.number(),
  series: z.array(z.string()),
  failure: z.string().nullable(),
  origin: z.string().nullable(),
});

function stateOf(node: Node): z.infer<typeof State> {
  return State.parse(node.ask(rule, "state"));
}

function find(node: Node, ids: readonly string[], more: Partial<Selected> = {}): void {
  const [request] = node.requests();
  assert.equal(request?.service, "selector");
  const value: Selected = { ids: [...ids], series: 10, matched: ids.length, isAll: true, ...more };
  node.reply(request!, { type: "answered", value });
}

function told(node: Node, kind: "series" | "analysis", id: string): readonly Json[] {
  return node.received({ kind, id }).map(({ message }) => message);
}

const everyRate = { select: { rate: true }, by: "loads" };
const everyMetadata = { analyse: { metadata: { everyMs: 15 * minute } }, by: "loads" };

Deno.test("a rule tells the series that it selects what it wants, once, whatever dies", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  node.killHost();
  find(node, ["load", 'load{a="b"}']);
  node.loseNode();
  for (const id of ["load", 'load{a="b"}']) {
    assert.deepEqual(told(node, "series", id), [everyRate]);
    assert.deepEqual(told(node, "analysis", id), [everyMetadata]);
  }
  node.expectReplays();
});

Deno.test("a rule looks again, for series that come later, and stays within its bound", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  find(node, ["load"]);
  node.advance(minute);
  find(node, ['load{a="1"}', 'load{a="2"}', 'load{a="3"}'], { matched: 4 });
  const { selected, beyond, series } = stateOf(node);
  assert.deepEqual([selected, beyond], [3, 1]);
  assert.deepEqual(series, ["load", 'load{a="1"}', 'load{a="2"}']);
  assert.deepEqual(told(node, "series", "load"), [everyRate]);
});

Deno.test("a rule that is changed tells its series anew, and those it leaves that it wants no more", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  find(node, ["load", 'load{a="1"}']);
  const changed = { ...spec, match: 'load{a="1"}', do: ["metadata"] };
  node.send(rule, { configure: changed, origin: "http" });
  node.run();
  assert.deepEqual(told(node, "series", "load"), [everyRate, { select: {}, by: "loads" }]);
  assert.deepEqual(told(node, "analysis", "load"), [everyMetadata, { analyse: {}, by: "loads" }]);
  assert.deepEqual(told(node, "series", 'load{a="1"}').at(-1), { select: {}, by: "loads" });
});

Deno.test("a rule that is removed takes all back, and asks no more", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  find(node, ["load"]);
  node.send(rule, { configure: null, origin: "http" });
  node.advance(5 * minute);
  assert.deepEqual(told(node, "analysis", "load").at(-1), { analyse: {}, by: "loads" });
  assert.deepEqual(node.requests(), []);
});

Deno.test("a rule whose bound is lowered keeps the first of its series", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  find(node, ["load", 'load{a="1"}', 'load{a="2"}']);
  node.send(rule, { configure: { ...spec, max: 1 }, origin: "http" });
  assert.deepEqual(stateOf(node).series, ["load"]);
  assert.deepEqual(told(node, "series", "load"), [everyRate]);
  assert.deepEqual(told(node, "series", 'load{a="2"}').at(-1), { select: {}, by: "loads" });
  node.expectReplays();
});

Deno.test("an answer to what was asked before a rule was configured anew counts for nothing", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  const [before] = node.requests();
  node.send(rule, { configure: { ...spec, match: "cpu" }, origin: "http" });
  node.run();
  const value: Selected = { ids: ["load"], series: 10, matched: 1, isAll: true };
  node.reply(before!, { type: "answered", value });
  assert.deepEqual(stateOf(node).series, []);
  assert.deepEqual(told(node, "series", "load"), []);
  find(node, ["cpu"]);
  assert.deepEqual(stateOf(node).series, ["cpu"]);
});

Deno.test("series that are offered to a rule are selected as far as there is room; all are told what holds", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  find(node, ["load"]);
  node.send(rule, { offered: ['load{a="1"}', 'load{a="2"}', 'load{a="3"}', "cpu"] });
  node.killHost();
  assert.deepEqual(stateOf(node).series, ["load", 'load{a="1"}', 'load{a="2"}']);
  for (const id of ['load{a="1"}', 'load{a="2"}']) {
    assert.deepEqual(told(node, "series", id), [everyRate]);
    assert.deepEqual(told(node, "analysis", id), [everyMetadata]);
  }
  for (const id of ['load{a="3"}', "cpu"]) {
    assert.deepEqual(told(node, "series", id), [{ select: {}, by: "loads" }]);
    assert.deepEqual(told(node, "analysis", id), [{ analyse: {}, by: "loads" }]);
  }
  node.expectReplays();
});

Deno.test("a rule that was removed meanwhile takes back what was told for it of series that are offered", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.send(rule, { configure: null, origin: "http" });
  node.send(rule, { offered: ["load"] });
  node.run();
  assert.deepEqual(stateOf(node).series, []);
  assert.deepEqual(told(node, "series", "load"), [{ select: {}, by: "loads" }]);
  assert.deepEqual(told(node, "analysis", "load"), [{ analyse: {}, by: "loads" }]);
});

Deno.test("a rule that is configured as it is asks nothing and tells nothing", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "default" });
  node.run();
  find(node, ["load"]);
  node.send(rule, { configure: spec, origin: "default" });
  node.send(rule, { configure: spec, origin: "http" });
  assert.deepEqual(node.requests(), []);
  assert.deepEqual(told(node, "series", "load"), [everyRate]);
  assert.equal(stateOf(node).origin, "http");
});

Deno.test("a rule of many series tells them a part at a time, and each of them what holds in the end", () => {
  const node = start();
  const ids = Array.from({ length: 1200 }, (_, i) => `load{n="${String(i).padStart(4, "0")}"}`);
  const wide = { ...spec, max: 5000 };
  node.send(rule, { configure: wide, origin: "http" });
  node.run();
  find(node, ids.slice(0, 500), { isAll: false });
  find(node, ids.slice(500, 1000), { isAll: false });
  find(node, ids.slice(1000));
  node.send(rule, { configure: null, origin: "http" });
  node.send(rule, { configure: { ...wide, do: ["rate"] }, origin: "http" });
  node.run();
  find(node, ids.slice(0, 500));
  node.advance(1000);
  let takenBack = 0;
  for (const [i, id] of ids.entries()) {
    const [select, analyse] = (["series", "analysis"] as const).map((kind) => told(node, kind, id).at(-1));
    if (i < 500) assert.deepEqual(select, everyRate, id);
    // Those that were never told anything have nothing to forget.
    else if (select !== undefined) assert.deepEqual(select, { select: {}, by: "loads" }, id);
    if (analyse !== undefined) assert.deepEqual(analyse, { analyse: {}, by: "loads" }, id);
    if (analyse !== undefined) takenBack++;
  }
  assert.ok(takenBack >= 500, `${takenBack}`);
  node.expectReplays();
  node.expectNoDeadLetters();
});

Deno.test("a rule of the file is not changed over HTTP; what comes with the program gives way", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "file" });
  node.send(rule, { configure: null, origin: "http" });
  node.send(rule, { configure: null, origin: "default" });
  node.run();
  assert.equal(stateOf(node).origin, "file");
  assert.deepEqual(node.deadLetters().map(({ reason }) => reason), ["of-file"]);
});

Deno.test("a rule looks often at first, and then as often as it says", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  const startMs = node.nowMs;
  const looks: number[] = [];
  for (let second = 0; second <= 180; second++) {
    for (const request of node.requests()) {
      looks.push((node.nowMs - startMs) / 1000);
      const value: Selected = { ids: [], series: 0, matched: 0, isAll: true };
      node.reply(request, { type: "answered", value });
    }
    node.advance(1000);
  }
  assert.deepEqual(looks, [0, 1, 3, 7, 15, 31, 63, 123]);
});

Deno.test("a look that fails is told, and made again", () => {
  const node = start();
  node.send(rule, { configure: spec, origin: "http" });
  node.run();
  node.reply(node.requests()[0]!, { type: "failed", code: "failed", detail: "The store is away." });
  assert.equal(stateOf(node).failure, "The store is away.");
  node.advance(minute);
  find(node, ["load"]);
  assert.equal(stateOf(node).failure, null);
});

/** What a rule says of itself. */
function answerOf(state: Json): AskResult {
  const json = JSON.stringify(state);
  return { type: "answered", epoch: 1, positions: {}, json, nowMs: 0, suspended: null, ageMs: 0 };
}

Deno.test("offerToRules() tells series what a rule wants of them before it tells the rule, a part at a time", async () => {
  const series = ["load"];
  const ids = Array.from({ length: 700 }, (_, i) => `load{n="${String(i).padStart(3, "0")}"}`).concat("up");
  const sent: [kind: string, id: string, message: Json][][] = [];
  const engine: OfferingEngine = {
    ask: () => Promise.resolve(answerOf({ spec: { ...spec, max: 601 }, series })),
    flush: () => Promise.resolve(),
    batch: () => {
      const messages: [string, string, Json][] = [];
      return {
        get size() {
          return messages.length;
        },
        add: (kind, id, message) => void messages.push([kind, id, message]),
        send: () => Promise.resolve(void sent.push(messages)),
      };
    },
    store: { list: () => Promise.resolve({ ids: ["loads"], next: null }) },
  };
  await offerToRules(engine, ids);
  const messages = (some: readonly string[]) =>
    some.flatMap((id) => [["series", id, everyRate], ["analysis", id, everyMetadata]]);
  const [first, second] = [ids.slice(0, 500), ids.slice(500, 600)];
  assert.deepEqual(sent, [
    messages(first),
    [["rule", "loads", { offered: first }]],
    messages(second),
    [["rule", "loads", { offered: second }]],
  ]);
});

Deno.test("the selector finds what matches and is not selected yet, in order, over all pages", async () => {
  const ids = Array.from({ length: 2500 }, (_, i) => `load{n="${String(i).padStart(4, "0")}"}`).concat("up");
  const engine = {
    ask: () => Promise.resolve(answerOf({ spec: { ...spec, max: 1000 }, series: ids.slice(0, 2) })),
    store: {
      list: (_kind: string, after: string | null, limit: number) => {
        const from = after === null ? 0 : ids.indexOf(after) + 1;
        const page = ids.slice(from, from + limit);
        return Promise.resolve({ ids: page, next: from + limit < ids.length ? page.at(-1)! : null });
      },
    },
  };
  const running = await selectorService(Promise.resolve(engine)).start(new AbortController().signal);
  const request = { id: "0.1", from: rule, body: {}, dueMs: 0 };
  const found = Selected.parse(await running.handle(request, new AbortController().signal));
  assert.deepEqual([found.series, found.matched, found.ids.length, found.isAll], [2501, 2500, 500, false]);
  assert.deepEqual(found.ids.slice(0, 2), [ids[2], ids[3]]);
});
