import assert from "node:assert/strict";
import plugin from "../lint/plugin.ts";

const root = new URL("../../", import.meta.url).pathname;

function offences(path: string, source: string): readonly string[] {
  return Deno.lint.runPlugin(plugin, root + path, source).map(({ id }) => id);
}

const direction = "sensorium/import-direction";
const ambient = "sensorium/no-ambient";

const imports: readonly (readonly [file: string, specifier: string, isAllowed: boolean])[] = [
  ["runtime/core/fold.ts", "./actor.ts", true],
  ["runtime/core/fold.ts", "zod", true],
  ["runtime/core/fold.ts", "npm:zod@4", false],
  ["runtime/core/fold.ts", "zodiac", false],
  ["runtime/core/fold.ts", "hono", false],
  ["runtime/core/fold.ts", "node:crypto", false],
  ["runtime/core/fold.ts", "../log/port.ts", false],
  ["runtime/log/sqlite.ts", "../core/log_frame.ts", true],
  ["runtime/log/sqlite.ts", "../rpc.ts", true],
  ["runtime/node/host.ts", "../rpc.ts", true],
  ["runtime/core/fold.ts", "../rpc.ts", false],
  ["runtime/rpc.ts", "./core/errors.ts", true],
  ["runtime/rpc.ts", "./node/engine.ts", false],
  ["runtime/log/sqlite.ts", "node:sqlite", true],
  ["runtime/log/sqlite.ts", "../node/engine.ts", false],
  ["runtime/log/sqlite.ts", "../store/port.ts", false],
  ["runtime/node/node.ts", "../store/port.ts", true],
  ["runtime/node/node.ts", "../simulation/world.ts", false],
  ["runtime/simulation/world.ts", "../log/memory.ts", true],
  ["runtime/simulation/world.ts", "../../actors/main.ts", false],
  ["runtime/example_test.ts", "../actors/main.ts", false],
  ["actors/analytics/pane.ts", "../../runtime/core/bytes.ts", true],
  ["actors/analytics/pane.ts", "../sensors/sensor.ts", false],
  ["actors/analytics/pane.ts", "zod", false],
  ["actors/sensors/sensor.ts", "../analytics/pane.ts", true],
  ["actors/main.ts", "../runtime/node/node.ts", true],
  ["actors/main.ts", "../tests/services/required.ts", false],
  ["tests/unit/fold_test.ts", "../../actors/main.ts", true],
];

for (const [file, specifier, isAllowed] of imports) {
  Deno.test(`import-direction ${isAllowed ? "allows" : "reports"} ${specifier} when it is imported by ${file}`, () => {
    const expected = isAllowed ? [] : [direction];
    assert.deepEqual(offences(file, `import { a } from "${specifier}"; a();`), expected);
    assert.deepEqual(offences(file, `export * from "${specifier}";`), expected);
    assert.deepEqual(offences(file, `export { a } from "${specifier}";`), expected);
    assert.deepEqual(offences(file, `await import("${specifier}");`), expected);
  });
}

const ambientCode = [
  "Date.now();",
  "new Date();",
  "Date();",
  "performance.now();",
  "Math.random();",
  "crypto.randomUUID();",
  "setTimeout(f, 1);",
  "globalThis.setInterval(f, 1);",
  "Deno.env.get(a);",
  "fetch(a);",
  "console.log(a);",
  'Math["random"]();',
  "Math[a]();",
  "const { now } = Date;",
  "const { random: next, sqrt } = Math;",
  "const { ...all } = Math;",
  "const { now } = performance;",
  "const { fetch } = globalThis;",
  "({ now: a.b } = Date);",
  "function f({ now } = Date) { now(); }",
  "globalThis.Date.now();",
  'globalThis["Math"].random();',
  "new globalThis.Date();",
  "const clock = Date;",
  "a.b = Math;",
  "a(Date);",
  "a(Date.now);",
  "const a = { fetch };",
  "const a = { clock: performance };",
  "const a = () => crypto;",
];
const pureCode = [
  "new Date(0);",
  "Date.parse(a);",
  "Math.sqrt(a);",
  "a.now();",
  "context.random();",
  "a.fetch(b);",
  "const { parse } = Date;",
  'const { "sqrt": root } = Math;',
  "a instanceof Date;",
  "const { fetch } = a;",
  "const a = { fetch: b };",
  "function f(performance: number) {}",
  "let a: Date;",
];
const pureFiles = [
  "runtime/core/fold.ts",
  "runtime/simulation/world.ts",
  "actors/analytics/pane.ts",
  "actors/sensors/sensor.ts",
  "actors/series/series.ts",
];
const shellFiles = [
  "runtime/node/node.ts",
  "runtime/simulation/main.ts",
  "actors/main.ts",
  "tests/unit/a_test.ts",
];

for (const file of pureFiles) {
  Deno.test(`no-ambient reports clocks, randomness and I/O when they are used in ${file}`, () => {
    for (const code of ambientCode) assert.deepEqual(offences(file, code), [ambient], code);
    for (const code of pureCode) assert.deepEqual(offences(file, code), [], code);
  });
}

for (const file of shellFiles) {
  Deno.test(`no-ambient allows clocks, randomness and I/O when they are used in ${file}`, () => {
    for (const code of ambientCode) assert.deepEqual(offences(file, code), [], code);
  });
}
