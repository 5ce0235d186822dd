/** What people configure over HTTP: what is taken, refused, listed and removed. */

import assert from "node:assert/strict";
import { configuredKinds } from "../../actors/http/configured_kinds.ts";
import { RuleSpec } from "../../actors/rules/rule_spec.ts";
import { type Bench, withApp } from "./http_app_under_test.ts";
import { answered } from "./http_fake_engine.ts";

const spec = RuleSpec.parse({ match: "load", do: ["metadata"] });
const written = JSON.stringify({ match: "load", do: ["metadata"] });

/** As rules of these names would answer; null: it was removed. */
function have({ engine }: Bench, origins: Readonly<Record<string, string | null>>): void {
  engine.ids = Object.keys(origins);
  engine.answer = ({ id }) => {
    const origin = origins[id];
    if (origin === undefined) return { type: "absent", ageMs: 0 };
    return answered({ spec: origin === null ? null : spec, origin, selected: 2 });
  };
}

async function assertProblem(response: Response, status: number, code: string, detail: RegExp) {
  const problem = await response.json();
  assert.deepEqual([response.status, problem.type], [status, `/docs#problem-${code}`], problem.detail);
  assert.match(problem.detail, detail);
}

Deno.test("PUT makes a rule, or changes it, and says what holds with all that was left out", () =>
  withApp({}, async (bench) => {
    have(bench, { old: "http", gone: null, given: "default" });
    for (const [name, status] of [["new", 201], ["gone", 201], ["old", 200], ["given", 200]] as const) {
      const response = await bench.ask(`/rules/${name}`, { method: "PUT", body: written });
      assert.equal(response.status, status);
      assert.deepEqual(await response.json(), { name, spec });
    }
    assert.deepEqual(
      bench.engine.sent.map(({ kind, id, message }) => [kind, id, message]),
      ["new", "gone", "old", "given"].map((name) => ["rule", name, { configure: spec, origin: "http" }]),
    );
  }));

const refusals: readonly (readonly [body: string, status: number, code: string, detail: RegExp])[] = [
  ["", 400, "malformed-body", /not JSON/],
  ["[", 400, "malformed-body", /not JSON/],
  ["7", 400, "bad-spec", /^The rule: an object with match and do is needed\.$/],
  [`{"macth": "a"}`, 400, "bad-spec", /^match: /],
  [
    written.replace("}", `,"mxa": 5}`),
    400,
    "bad-spec",
    /^The rule has a member "mxa", .* did you mean max\?\.$/,
  ],
  [
    written.replace("load", "load{"),
    400,
    "bad-spec",
    /^match: It ends where it needs a label's name, or \}\.$/,
  ],
  [" ".repeat(65 * 1024) + written, 413, "body-too-large", /65536 bytes/],
];

Deno.test("PUT refuses what is no rule, and names the place", () =>
  withApp({}, async (bench) => {
    for (const [body, ...expected] of refusals) {
      await assertProblem(await bench.ask("/rules/a", { method: "PUT", body }), ...expected);
    }
    for (const name of ["a%20b", "_a", "a".repeat(65)]) {
      const response = await bench.ask(`/rules/${name}`, { method: "PUT", body: written });
      await assertProblem(response, 400, "bad-id", /This is not a name: a name is 1 to 64 of/);
    }
    assert.deepEqual(bench.engine.sent, []);
  }));

Deno.test("PUT refuses a second source that says what is taken of remote write", () =>
  withApp({}, async (bench) => {
    const body = JSON.stringify({ type: "remote-write" });
    assert.equal((await bench.ask("/sources/remote-write", { method: "PUT", body })).status, 201);
    await assertProblem(
      await bench.ask("/sources/other", { method: "PUT", body }),
      400,
      "bad-spec",
      /^The source "other": a source of the type remote-write is called remote-write, as there is one at most\.$/,
    );
    assert.deepEqual(bench.engine.sent.map(({ id }) => id), ["remote-write"]);
  }));

Deno.test("what is of the configuration file is not changed over HTTP", () =>
  withApp({}, async (bench) => {
    have(bench, { a: "file" });
    for (const init of [{ method: "PUT", body: written }, { method: "DELETE" }]) {
      await assertProblem(
        await bench.ask("/rules/a", init),
        409,
        "of-file",
        /"a" is of the configuration file/,
      );
    }
    assert.deepEqual(bench.engine.sent, []);
  }));

Deno.test("DELETE removes a rule that is there, without a word", () =>
  withApp({}, async (bench) => {
    have(bench, { a: "http", gone: null });
    const response = await bench.ask("/rules/a", { method: "DELETE" });
    assert.deepEqual([response.status, await response.text()], [204, ""]);
    assert.deepEqual(bench.engine.sent.map(({ id, message }) => [id, message]), [
      ["a", { configure: null, origin: "http" }],
    ]);
    for (const name of ["gone", "never"]) {
      const gone = await bench.ask(`/rules/${name}`, { method: "DELETE" });
      await assertProblem(gone, 404, "unknown-actor", new RegExp(`no rule "${name}"`));
    }
  }));

Deno.test("another site's page configures nothing", () =>
  withApp({}, async (bench) => {
    for (const method of ["PUT", "DELETE"]) {
      const headers = { "sec-fetch-site": "cross-site" };
      const response = await bench.ask("/rules/a", {
        method,
        headers,
        ...method === "PUT" && { body: written },
      });
      await assertProblem(response, 403, "cross-origin", /another site/);
    }
  }));

Deno.test("GET shows a rule and how it goes; the list has those that are there, a page at a time", () =>
  withApp({}, async (bench) => {
    have(bench, { a: "file", b: null, c: "http" });
    assert.deepEqual(await (await bench.ask("/rules/a")).json(), {
      name: "a",
      spec,
      origin: "file",
      selected: 2,
    });
    await assertProblem(await bench.ask("/rules/b"), 404, "unknown-actor", /no rule "b"/);
    await assertProblem(await bench.ask("/rules/d"), 404, "unknown-actor", /"d"/);
    assert.deepEqual(await (await bench.ask("/rules?limit=2")).json(), {
      items: [{ name: "a", origin: "file", spec }],
      next: "b",
    });
    assert.deepEqual(await (await bench.ask("/rules?after=b")).json(), {
      items: [{ name: "c", origin: "http", spec }],
      next: null,
    });
  }));

Deno.test("what is shown as an example can be configured", () => {
  for (const { example, spec } of configuredKinds) assert.ok(spec.safeParse(example.spec).success);
});
