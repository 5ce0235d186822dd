/** Pages of metrics, as the text format and OpenMetrics write them, and as nobody should. */

import assert from "node:assert/strict";
import fc from "fast-check";
import nodeExporter from "../data/prometheus/node_exporter.txt" with { type: "text" };
import { type ExpositionFormat, readExposition } from "../../actors/sources/prometheus/exposition.ts";
import { maxLineUnits } from "../../actors/sources/prometheus/limits.ts";
import { MetricTypes } from "../../actors/sources/prometheus/metric_types.ts";
import { parseSeriesText } from "../../actors/sources/prometheus/series_text.ts";
import { seriesId } from "../../actors/series/sample.ts";

interface ReadPage {
  readonly samples: readonly (readonly [series: string, value: number, tsMs: number | null])[];
  readonly broken: readonly (readonly [line: number, sentence: string])[];
  readonly types: MetricTypes;
  /** Of TYPE lines. */
  readonly families: readonly string[];
}

function readPage(text: string, format: ExpositionFormat = "text"): ReadPage {
  const samples: [string, number, number | null][] = [];
  const broken: [number, string][] = [];
  const types = new MetricTypes();
  const families: string[] = [];
  readExposition(text, format, {
    sample: (series, value, tsMs) => samples.push([series, value, tsMs]),
    type: (family, type) => {
      types.set(family, type);
      families.push(type);
    },
    broken: (line, sentence) => broken.push([line, sentence]),
  });
  return { samples, broken, types, families };
}

function idOf(text: string): string {
  const read = parseSeriesText(text);
  assert.ok(!("sentence" in read), `${text}: ${"sentence" in read ? read.sentence : ""}`);
  return seriesId(read.name, read.labels);
}

Deno.test("readExposition() reads every sample of a node exporter's page", () => {
  const { samples, broken, families, types } = readPage(nodeExporter);
  assert.deepEqual(broken, []);
  assert.equal(new Set(samples.map(([series]) => idOf(series))).size, 3027);
  assert.equal(new Set(samples.map(([series]) => /^[^{]+/.exec(series)?.[0])).size, 1181);
  const counted = (type: string) => families.filter((each) => each === type).length;
  assert.deepEqual(["counter", "gauge", "untyped", "summary"].map(counted), [475, 418, 334, 1]);
  assert.equal(Math.max(...samples.map(([, value]) => value)), 1.8446744073709537e19);
  assert.equal(Math.min(...samples.map(([, value]) => value)), -9.223372036854776e17);
  const dmi = samples.find(([series]) => series.startsWith("node_dmi_info"))!;
  assert.ok(idOf(dmi[0]).includes('product_version="\ufffd\u001c[\ufffd"'));
  assert.ok(types.isCounter("node_cpu_seconds_total"));
  assert.ok(!types.isCounter("node_load1"));
});

const good: readonly (readonly [line: string, id: string, value: number, tsMs: number | null])[] = [
  ["up 1", "up", 1, null],
  ["up\t1\t1700000000123", "up", 1, 1_700_000_000_123],
  ["  up   1  ", "up", 1, null],
  ["up 1\r", "up", 1, null],
  ["up -1.5e+3 -5", "up", -1500, -5],
  ["up .5", "up", 0.5, null],
  ["up NaN", "up", NaN, null],
  ["up +Inf", "up", Infinity, null],
  ["up -inf", "up", -Infinity, null],
  ["a:b{} 1", "a:b", 1, null],
  ['a{x="1",} 2', 'a{x="1"}', 2, null],
  ['a { y = "1" , x = "2" } 2', 'a{x="2",y="1"}', 2, null],
  ['a{x="}"}2', 'a{x="}"}', 2, null],
  ['a{x=" # ,="} 2', 'a{x=" # ,="}', 2, null],
  [String.raw`a{x="\"\\\n"} 2`, String.raw`a{x="\"\\\n"}`, 2, null],
  [String.raw`a{x="C:\dir"} 2`, String.raw`a{x="C:\\dir"}`, 2, null],
  ['a{x=""} 2', "a", 2, null],
  ['{"http.requests","service-name"="x"} 2', 'http.requests{"service-name"="x"}', 2, null],
  ['{"a.b",x="1"} 2', 'a.b{x="1"}', 2, null],
];

for (const [line, id, value, tsMs] of good) {
  Deno.test(`readExposition() reads ${JSON.stringify(line)}`, () => {
    const { samples, broken } = readPage(`${line}\n`);
    assert.deepEqual(broken, []);
    assert.deepEqual(samples.map(([series, ...rest]) => [idOf(series), ...rest]), [[id, value, tsMs]]);
  });
}

const bad: readonly (readonly [line: string, sentence: RegExp])[] = [
  ["up", /has no value/],
  ["up one", /"one" is no number/],
  ["up 0x10", /"0x10" is no number/],
  ["up 1_000", /is no number/],
  ["up 1 soon", /"soon" is no time in milliseconds/],
  ["up 1 1.5", /"1.5" is no time/],
  ["up 1 2 3", /"3" stands behind its time/],
  ['a{x="1" 2', /labels do not end with }/],
  ['a{x="1\\"} 2', /labels do not end with }/],
  ["# TYPE a", /is no # TYPE with a name and a type/],
  [`a{x="${"y".repeat(maxLineUnits)}"} 1`, /characters; 65536 are the most/],
];

for (const [line, sentence] of bad) {
  Deno.test(`readExposition() tells what is wrong with ${line.slice(0, 40)}, and reads on`, () => {
    const { samples, broken } = readPage(`before 1\n${line}\nafter 2`);
    assert.deepEqual(samples.map(([series]) => series), ["before", "after"]);
    assert.equal(broken.length, 1);
    assert.equal(broken[0]![0], 2);
    assert.match(broken[0]![1], sentence);
  });
}

const noSeries: readonly (readonly [text: string, sentence: RegExp])[] = [
  ["1up", /"1up" is no name of a metric/],
  ['a{x="1",x="2"}', /has the label x twice/],
  ['a{__proto__="1"}', /keeps to itself/],
  ["a{x}", /label x has no value/],
  ['a{"b"}', /label b has no value/],
  ['a{1x="1"}', /cannot be read from "1x/],
  ['a{x="1"y="2"}', /cannot be read from/],
  ["a{x='1'}", /cannot be read from|has no value/],
  ['{x="1"}', /has no name/],
  ["a-b", /is no name/],
];

for (const [text, sentence] of noSeries) {
  Deno.test(`parseSeriesText() tells what is wrong with ${text}`, () => {
    const read = parseSeriesText(text);
    assert.ok("sentence" in read);
    assert.match(read.sentence, sentence);
  });
}

Deno.test("readExposition() reads OpenMetrics: seconds, exemplars, its end", () => {
  const text = [
    "# HELP foo Bytes \\n read.",
    "# TYPE foo counter",
    "# UNIT foo bytes",
    'foo_total{a="b"} 17.0 1520879607.789 # {trace_id="KOO # 5s4vxi0o"} 0.67 1520879607',
    "foo_created 1520430000.123",
    'hist_bucket{le="0.1"} 8 # {} 0.054',
    "# EOF",
    "",
  ].join("\n");
  const { samples, broken, types } = readPage(text, "openmetrics");
  assert.deepEqual(broken, []);
  assert.deepEqual(samples, [
    ['foo_total{a="b"}', 17, 1_520_879_607_789],
    ["foo_created", 1_520_430_000.123, null],
    ['hist_bucket{le="0.1"}', 8, null],
  ]);
  assert.ok(types.isCounter("foo_total"));
  assert.ok(!types.isCounter("foo_created"));
});

Deno.test("readExposition() tells that OpenMetrics ended too early, or not at its end", () => {
  const cut = readPage("a 1\nb 2\n", "openmetrics");
  assert.equal(cut.samples.length, 2);
  assert.match(cut.broken[0]![1], /ends without # EOF/);
  const longer = readPage("a 1\n# EOF\nb 2\n", "openmetrics");
  assert.deepEqual(longer.samples.map(([series]) => series), ["a"]);
  assert.deepEqual(longer.broken, [[3, "it stands behind # EOF"]]);
});

Deno.test("a histogram's and a summary's series are counters, but for quantiles", () => {
  const { types } = readPage("# TYPE h histogram\n# TYPE s summary\n# TYPE g gauge\n");
  for (const name of ["h_bucket", "h_count", "h_sum", "s_count", "s_sum"]) {
    assert.ok(types.isCounter(name), name);
  }
  for (const name of ["s", "g", "g_count", "h", "h_total"]) assert.ok(!types.isCounter(name), name);
});

const labelNames = fc.stringMatching(/^_?[a-zA-Z][a-zA-Z0-9_]{0,8}$/);
const page = fc.array(
  fc.record({
    name: fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/),
    labels: fc.dictionary(labelNames, fc.string({ minLength: 1, unit: "grapheme" }), {
      noNullPrototype: true,
    }),
    value: fc.double(),
    tsMs: fc.option(fc.integer({ min: 0 })),
  }),
);

function valueText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? `${value}` : value > 0 ? "+Inf" : "-Inf";
}

Deno.test("what is written in the text format is read as it was, whatever the labels hold", () => {
  fc.assert(fc.property(page, (wanted) => {
    const lines = wanted.map(({ name, labels, value, tsMs }) =>
      `${seriesId(name, labels)} ${valueText(value)}${tsMs === null ? "" : ` ${tsMs}`}\n`
    );
    const { samples, broken } = readPage(lines.join(""));
    assert.deepEqual(broken, []);
    assert.deepEqual(
      samples.map(([series, value, tsMs]) => ({ ...parseSeriesText(series), value, tsMs })),
      wanted.map(({ name, labels, value, tsMs }) => ({ name, labels, value, tsMs })),
    );
  }));
});

Deno.test("readExposition() reads any text to its end", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.constantFrom("text", "openmetrics"), (text, format) => {
      const { samples } = readPage(text, format);
      for (const [series] of samples) parseSeriesText(series);
    }),
  );
});
