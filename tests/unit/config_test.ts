/** The configuration file: what is read of it, and what is said of mistakes. */

import assert from "node:assert/strict";
import { Refusal } from "../../actors/cli/refusal.ts";
import { parseConfig } from "../../actors/config/config_file.ts";
import { reconfigured } from "../../actors/config/configured.ts";
import { defaultRules } from "../../actors/rules/default_rules.ts";
import { RuleSpec } from "../../actors/rules/rule_spec.ts";

const target = { type: "target", url: "http://h:9100/metrics" };
const rule = { match: '{__name__="load"}', do: ["metadata"] };

Deno.test("parseConfig() reads rules, with what is not said in its place", () => {
  const { rules } = parseConfig(JSON.stringify({ rules: { load: rule } }), "c.json");
  const { every, max, horizon } = rules["load"]!;
  assert.deepEqual([every.metadata, max, horizon], ["15m", 100, "10m"]);
  assert.deepEqual(parseConfig("{}", "c.json"), { sources: {}, rules: {} });
});

Deno.test("parseConfig() reads what is taken of remote write, under its one name", () => {
  const spec = { type: "remote-write", match: "up", labels: { site: "x" }, rename: { up: "is_up" }, max: 7 };
  const { sources } = parseConfig(JSON.stringify({ sources: { "remote-write": spec } }), "c.json");
  assert.deepEqual(sources, { "remote-write": spec });
});

const mistakes: readonly (readonly [unknown, RegExp])[] = [
  ["{", /^Cannot start: c\.json is not JSON: .+\.$/],
  [[], /in c\.json, the file: an object is needed/],
  [{ rules: [] }, /in c\.json, rules: an object of names is needed/],
  [{ rulse: {} }, /has a member "rulse", which nothing reads; did you mean rules\?/],
  [{ rules: { "a b": rule } }, /rules\.a b: a name is 1 to 64 of/],
  [{ rules: { a: { ...rule, maxx: 1 } } }, /rules\.a has a member "maxx", .* did you mean max\?/],
  [
    { rules: { a: { ...rule, every: { lok: "5m" } } } },
    /rules\.a\.every has a member "lok", .* did you mean look\?/,
  ],
  [{ rules: { a: { ...rule, sing: 1 } } }, /rules\.a has a member "sing", which nothing reads\.$/],
  [{ rules: { a: null } }, /rules\.a: an object with match and do is needed/],
  [{ rules: { a: { do: ["metadata"] } } }, /rules\.a\.match: a selector as PromQL writes them is needed/],
  [{ rules: { a: { ...rule, match: "{" } } }, /rules\.a\.match: /],
  [{ rules: { a: { ...rule, do: ["sing"] } } }, /rules\.a\.do\[0\]: one of rate, values, metadata/],
  [{ rules: { a: { ...rule, do: [] } } }, /rules\.a\.do: a list of what to do/],
  [{ rules: { a: { ...rule, max: 0 } } }, /rules\.a\.max: a whole number from 1 to 5000/],
  [{ rules: { a: { ...rule, every: { forecast: "1s" } } } }, /every\.forecast: a time from 10s to 24h/],
  [{ sources: { a: { type: "target", url: "h:9100" } } }, /sources\.a\.url: an address such as http/],
  [
    { sources: { a: { ...target, step: "1m" } } },
    /sources\.a has a member "step", which nothing reads there: it belongs to another type, or elsewhere/,
  ],
  [{ sources: { a: { ...target, evry: "1s" } } }, /sources\.a has a member "evry", .* did you mean every\?/],
  [
    { sources: { a: { ...target, type: "pull" } } },
    /sources\.a\.type: .*"target", "prometheus" or "remote-write" is needed/,
  ],
  [
    { sources: { a: { type: "remote-write" } } },
    /sources\.a: a source of the type remote-write is called remote-write, as there is one at most\.$/,
  ],
  [{ rules: { a: { ...rule, horizon: "1y" } } }, /rules\.a\.horizon: a time from 1m to 6h/],
];

for (const [config, sentence] of mistakes) {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  Deno.test(`parseConfig() refuses ${text} with one sentence`, () => {
    assert.throws(() => parseConfig(text, "c.json"), (thrown) => {
      assert.ok(thrown instanceof Refusal);
      assert.match(thrown.message, sentence);
      assert.match(thrown.message, /^Cannot start: [^\n]+\.$/);
      return true;
    });
  });
}

Deno.test("reconfigured() lets the file go first, then HTTP, then what comes with the program", () => {
  const of = (origin: "file" | "http" | "default" | null, spec: number | null = 1) => ({ spec, origin });
  assert.deepEqual(reconfigured(of(null, null), 2, "default"), { spec: 2, origin: "default" });
  assert.deepEqual(reconfigured(of("default"), 2, "http"), { spec: 2, origin: "http" });
  assert.deepEqual(reconfigured(of("http", null), 2, "default"), null);
  assert.deepEqual(reconfigured(of("http"), 2, "file"), { spec: 2, origin: "file" });
  assert.deepEqual(reconfigured(of("file"), 2, "http"), null);
  assert.deepEqual(reconfigured(of("file"), 2, "default"), null);
  assert.deepEqual(reconfigured(of("file"), null, "file"), { spec: null, origin: null });
  assert.deepEqual(reconfigured(of("http"), null, "file"), null);
});

Deno.test("the rules that come with the program are what a person could write", () => {
  for (const spec of Object.values(defaultRules)) assert.deepEqual(RuleSpec.parse(spec), spec);
});
