import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { OpenApiDocument, OpenApiOperation } from "../../actors/http/openapi.ts";
import { withApp } from "../unit/http_app_under_test.ts";

type Operations = readonly {
  readonly path: string;
  readonly method: string;
  readonly operation: OpenApiOperation;
}[];

function operationsOf({ paths }: OpenApiDocument): Operations {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  );
}

function withDocument(test: (document: OpenApiDocument, operations: Operations) => Promise<void> | void) {
  return withApp({ token: "correct-horse" }, async ({ ask }) => {
    const headers = { authorization: "Bearer correct-horse" };
    const document: OpenApiDocument = await (await ask("/openapi.json", { headers })).json();
    await test(document, operationsOf(document));
  });
}

Deno.test("/openapi.json is a valid OpenAPI 3.1 document", () =>
  withDocument(async (document) => {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    assert.ok(valid, JSON.stringify(errors, null, 2));
  }));

Deno.test("/openapi.json refers only to schemas that it has", () =>
  withDocument((document) => {
    const names = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, target]) =>
      target ?? ""
    );
    assert.ok(names.length > 50);
    for (const name of names) {
      assert.match(name, /^#\/components\/schemas\/\w+$/);
      assert.ok(Object.hasOwn(document.components.schemas, name.slice("#/components/schemas/".length)), name);
    }
  }));

Deno.test("/openapi.json names each operation once and describes every parameter, answer and error", () =>
  withDocument((_document, operations) => {
    const ids = operations.map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    for (const { path, operation } of operations) {
      const inPath = operation.parameters.filter((each) => each.in === "path").map(({ name }) => `{${name}}`);
      assert.deepEqual(inPath, path.match(/\{\w+\}/g) ?? []);
      for (const { name, in: where, description } of operation.parameters) {
        if (where !== "header") assert.ok(description.length > 0, `${path} ${name} has no description`);
      }
      const statuses = Object.keys(operation.responses);
      assert.ok(statuses.some((status) => status.startsWith("2")));
      assert.ok(statuses.includes("400") && statuses.includes("500"));
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) >= 400) assert.deepEqual(Object.keys(content), ["application/problem+json"]);
      }
    }
  }));

Deno.test("/openapi.json says of every named schema what it is, not only its name", () =>
  withDocument((document) => {
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      assert.ok(
        ["properties", "anyOf", "oneOf"].some((member) => member in schema),
        `${name}: ${JSON.stringify(schema)}`,
      );
    }
  }));

Deno.test("/openapi.json describes what a time-out tells beside the other members of a problem", () =>
  withDocument((document) => {
    const get = document.paths["/actors/{kind}/{id}"]?.["get"];
    const late = get?.responses["504"]?.content["application/problem+json"];
    assert.deepEqual(late?.["schema"], { $ref: "#/components/schemas/LateProblem" });
    const members = document.components.schemas["LateProblem"]?.["properties"];
    assert.deepEqual(Object.keys(members ?? {}), ["type", "title", "status", "detail", "waiting"]);
  }));

Deno.test("/docs shows every operation and needs nothing from elsewhere", () =>
  withDocument((document, operations) =>
    withApp({}, async ({ ask }) => {
      const response = await ask("/docs");
      const html = await response.text();
      assert.match(response.headers.get("content-security-policy") ?? "", /^default-src 'none'/);
      // Addresses in examples are text.
      assert.doesNotMatch(html, /(?:href|src|action)\s*=\s*["']?https?:|url\(|@import|<script|<img|<link/);
      for (const { operation } of operations) assert.ok(html.includes(`id="${operation.operationId}"`));
      for (const name of Object.keys(document.components.schemas)) {
        assert.ok(html.includes(`id="schema-${name}"`));
      }
    })
  ));

Deno.test("The page asks only for parts that are served", () =>
  withApp({}, async ({ ask }) => {
    const page = await ask("/");
    assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'self'/);
    const seen = new Set<string>();
    const collect = (text: string) => {
      const parts = [...text.matchAll(/(?:href|src|from)\s*=?\s*"((?:\/web\/|\.\/)[^"]+)"/g)];
      return parts.map(([, part = ""]) => part.replace(/^\.\//, "/web/"));
    };
    const waiting = collect(await page.text());
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      if (seen.has(part)) continue;
      seen.add(part);
      const response = await ask(part);
      assert.equal(response.status, 200, part);
      waiting.push(...collect(await response.text()));
    }
    assert.equal(seen.size, 10);
  }));
