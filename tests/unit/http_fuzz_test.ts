/**
 * Whatever a request looks like, the edge answers it: with no 5xx while the engine is well, with a problem detail when
 * it is refused, and it logs nothing as unexpected.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Problem } from "../../actors/http/problem.ts";
import { Accepted } from "../../actors/http/schemas.ts";
import { answered } from "./http_fake_engine.ts";
import { type Bench, withApp } from "./http_app_under_test.ts";

const runs = 300;

/** Refused ones are problems; nothing is a 5xx. */
async function assertAnswered(response: Response, { logged }: Bench): Promise<void> {
  const { status, headers } = response;
  const text = await response.text();
  const what = `${status} ${text.slice(0, 300)}`;
  assert.ok(status < 500, what);
  assert.deepEqual(logged, [], what);
  if (status < 400) return;
  assert.equal(headers.get("content-type"), "application/problem+json", what);
  // The answer to a HEAD has none.
  if (text === "") return;
  const problem = Problem.parse(JSON.parse(text));
  assert.equal(problem.status, status);
  if (status === 405) assert.match(headers.get("allow") ?? "", /OPTIONS$/);
}

/** JSON texts that are unlike what programs write: depth, numbers, names, characters. */
const scalar = fc.constantFrom(
  ...["1e999", "-1e999", "1e-999", "-0", "9007199254740993", "18446744073709551616", "0.1e+308", "1E400"],
  ...["null", "true", '"NaN"', '"Infinity"', '"1e999"', '"0x10"', '"-"', '"."', '""', '" "', "[]", "{}"],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\u007f"', '"__proto__"', '"constructor"', '"\\uffff"'],
);
const field = fc.constantFrom(
  ...["id", "ts", "seq", "value", "values", "name", "labels", "temperature", "movement", "smoke"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "\\ud800", "a", ""],
);
const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.json(),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
    // The same name may come twice.
    fc.array(fc.tuple(field, tie("value")), { maxLength: 6 }).map((members) =>
      `{${members.map(([name, value]) => `"${name}":${value}`).join(",")}}`
    ),
  ),
}));
const almostReading = fc.record({
  id: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "constructor", 5, -0, 1.5, null, {}),
  ),
  ts: fc.oneof(fc.integer(), fc.double(), fc.string(), fc.date().map((date) => date.toJSON())),
  seq: fc.oneof(fc.maxSafeNat(), fc.double(), fc.string()),
  values: fc.dictionary(fc.string({ maxLength: 70 }), fc.oneof(fc.double(), fc.boolean(), fc.string())),
  value: fc.oneof(fc.double(), fc.boolean(), fc.string()),
  name: fc.string(),
  labels: fc.dictionary(fc.string(), fc.string({ unit: "binary" })),
}, { requiredKeys: [] }).map((item) => JSON.stringify(item));
const deep = fc.tuple(
  fc.constantFrom("[", '{"a":', '[{"id":'),
  fc.integer({ min: 1, max: 40_000 }),
  fc.boolean(),
).map(
  ([open, depth, isClosed]) => open.repeat(depth) + (isClosed ? "1" + "]".repeat(depth) : ""),
);
const encoder = new TextEncoder();
const body: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  fc.oneof(jsonText, almostReading, fc.array(almostReading).map((all) => `[${all.join(",")}]`), deep).map((
    text,
  ) => encoder.encode(text)),
  fc.array(fc.oneof(almostReading, jsonText, fc.string()), { maxLength: 5 }).map((lines) =>
    encoder.encode(lines.join("\n"))
  ),
  fc.uint8Array({ maxLength: 64 }),
  // A right one with wrong bytes in it, UTF-8 cut apart among them.
  fc.tuple(almostReading, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([text, at, bytes]) => {
    const all = encoder.encode(text);
    all.set(bytes.subarray(0, all.length), at % Math.max(1, all.length - 4));
    return all;
  }),
).map((bytes) => new Uint8Array(bytes));

const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((unit) => String.fromCharCode(unit)),
});
const latin = fc.string({
  unit: fc.integer({ min: 0xa0, max: 0xff }).map((unit) => String.fromCharCode(unit)),
});
const headerText = fc.oneof(printable, latin, fc.constant(""));
const contentType = fc.oneof(
  fc.constantFrom(
    ...["application/json", "application/x-ndjson", "APPLICATION/JSON", "application/json;charset=utf-8"],
    ...[
      "application/json; charset=utf-16",
      "application/json;",
      ";",
      "text/plain",
      "multipart/form-data",
      "a/b;c",
    ],
  ),
  headerText,
);
const headers = fc.record({
  "content-type": contentType,
  "content-encoding": fc.oneof(
    fc.constantFrom("gzip", "identity", "GZIP", "br", "gzip, gzip", ""),
    headerText,
  ),
  "idempotency-key": fc.oneof(printable, fc.constant("k".repeat(256)), headerText),
  "accept": fc.oneof(
    fc.constantFrom("*/*", "application/json", "text/html;q=0", ",", ";q=1", "*/*;q=x"),
    headerText,
  ),
  "authorization": headerText,
  "origin": fc.oneof(fc.constantFrom("null", "http://localhost", "file://", "http://[::1]:1"), headerText),
  "sec-fetch-site": fc.oneof(fc.constantFrom("cross-site", "same-origin", "none"), headerText),
  "content-length": fc.oneof(fc.constantFrom("0", "-1", "1e9", "NaN", "9".repeat(30)), headerText),
}, { requiredKeys: [] });

const segment = fc.oneof(
  fc.constantFrom(
    ...[
      "sensors",
      "series",
      "readings",
      "actors",
      "sensor",
      "dead-letters",
      "suspended",
      "web",
      "events",
      "history",
    ],
    ...[
      "windows",
      "trace",
      "resume",
      "replay",
      "metrics",
      "healthz",
      "readyz",
      "docs",
      "openapi.json",
      "page.js",
    ],
    ...[
      "..",
      ".",
      "%2F",
      "%00",
      "%2e%2e",
      "%ff",
      "%",
      "%E2%82",
      "%ED%A0%80",
      "__proto__",
      "constructor",
      "5-41-0",
    ],
  ),
  fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()).map(encodeURIComponent),
  printable.map((text) => text.replaceAll(/[?#/\\]/g, "_")),
  fc.constant("a".repeat(1100)),
);
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      ...[
        "limit",
        "after",
        "consistency",
        "at",
        "from",
        "to",
        "step",
        "channel",
        "query",
        "kind",
        "reason",
        "import",
      ],
      ...["parked", "token", "__proto__", "constructor", "toString"],
    ),
    fc.string(),
  ),
  fc.oneof(
    fc.constantFrom(
      ...[
        "1",
        "0",
        "-1",
        "1e3",
        "0x10",
        " 1",
        "NaN",
        "9".repeat(40),
        "8640000000000001",
        "strict",
        "local",
        "cached",
      ],
      ...[
        "5m",
        "1h",
        "999999999999d",
        "1970-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "",
      ],
      ...["state", "windows", "panes", "__proto__", "constructor"],
    ),
    fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
  ),
).map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value)}`);
const path = fc.tuple(
  fc.array(segment, { maxLength: 4 }),
  fc.oneof(fc.constant(""), fc.array(parameter, { maxLength: 4 }).map((all) => `?${all.join("&")}`)),
).map(([segments, query]) => `/${segments.join("/")}${query}`);
const method = fc.constantFrom(
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "PROPFIND",
  "get",
  "X",
);

/** An engine whose actors have something to answer. */
function fill({ engine }: Bench): void {
  engine.ids = ["a", "b", "__proto__"];
  engine.answer = ({ query }) =>
    query === "panes"
      ? answered({ stepMs: 300_000, fromMs: null, channels: { t: [] } })
      : answered({ channels: {}, total: {} });
}

Deno.test("Every body is taken or refused with a problem", () =>
  withApp({}, async (bench) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("/readings", "/series"),
        headers,
        body,
        async (target, some, bytes) => {
          const response = await bench.ask(target, { method: "POST", headers: { ...some }, body: bytes });
          const { status } = response;
          if (status === 202) Accepted.parse(await response.clone().json());
          await assertAnswered(response, bench);
        },
      ),
      { numRuns: 2 * runs },
    );
  }));

Deno.test("Every body that says that it is JSON is taken or refused with a problem", () =>
  withApp({}, async (bench) => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("/readings", "/series"), body, async (target, bytes) => {
        const response = await bench.post(target, bytes);
        await assertAnswered(response, bench);
      }),
      { numRuns: 2 * runs },
    );
    for (const { message } of bench.engine.sent) {
      assert.deepEqual(JSON.parse(JSON.stringify(message)), message);
    }
  }));

for (const token of [null, "correct-horse"]) {
  Deno.test(`Every path and method is answered, or refused with a problem (${token === null ? "no" : "a"} token)`, () =>
    withApp({ token }, async (bench) => {
      fill(bench);
      await fc.assert(
        fc.asyncProperty(method, path, headers, async (verb, target, some) => {
          const hasBody = !["GET", "HEAD", "get"].includes(verb);
          const request = new Request(`http://localhost${target}`, {
            method: verb,
            headers: { ...some },
            body: hasBody ? "{}" : null,
          });
          const response = await bench.app.fetch(request);
          // The live feed never ends.
          if (response.headers.get("content-type") === "text/event-stream") await response.body?.cancel();
          else await assertAnswered(response, bench);
        }),
        { numRuns: 3 * runs },
      );
    }));
}
