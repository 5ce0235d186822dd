import assert from "node:assert/strict";
import fc from "fast-check";
import { maxMatchers, maxMatchersUnits, maxPatternUnits } from "../../actors/series/limits.ts";
import { matches, matchesSeries, parseMatchers } from "../../actors/series/matchers.ts";
import { parseSeriesId, seriesId } from "../../actors/series/sample.ts";
import { SelectorError } from "../../actors/series/selector_reader.ts";

const label = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.]{0,3}$/).filter((name) => !name.startsWith("__"));
const anyLabel = fc.string({ minLength: 1, maxLength: 4, unit: "grapheme" })
  // deno-lint-ignore no-control-regex -- a label has none
  .filter((name) => !name.startsWith("__") && !/[\u0000-\u001f\u007f]/.test(name));
const labels = fc.dictionary(
  fc.oneof(label, anyLabel, fc.stringMatching(/^["\\,={}n-]{1,4}$/)),
  fc.string({ maxLength: 6, unit: "grapheme" }),
  { maxKeys: 4 },
);
const ugly = fc.dictionary(label, fc.stringMatching(/^["\\\n,={}n]{0,6}$/), { maxKeys: 4 });

Deno.test("parseSeriesId() gives back what seriesId() was given", () => {
  const name = fc.stringMatching(/^[a-z:_. é]{1,8}$/);
  fc.assert(fc.property(name, fc.oneof(labels, ugly), (name, labels) => {
    const parsed = parseSeriesId(seriesId(name, labels));
    assert.equal(parsed.name, name);
    assert.deepEqual({ ...parsed.labels }, { ...labels });
  }));
});

Deno.test("parseSeriesId() takes what has another form for a name", () => {
  const others = [
    "42",
    "a{",
    "a}",
    "{}",
    "a{}",
    '{b="c"}',
    'a{b="c"',
    'a{b="c",}',
    'a{b="c"d="e"}',
    'a{b="c",b="d"}',
    'a{b="\\t"}',
    'a{"b"="c"}',
    'a{""="c"}',
    'a{"__x-y"="c"}',
    'a{"b-c""d"}',
    'a{b="c\\"}',
    'a{__name__="c"}',
    'a,b{c="d"}',
  ];
  for (const id of others) assert.deepEqual(parseSeriesId(id), { name: id, labels: {} }, id);
});

Deno.test("parseSeriesId() reads labels that are not sorted, too", () => {
  assert.deepEqual(parseSeriesId('a{c="1",b="2"}'), { name: "a", labels: { c: "1", b: "2" } });
});

Deno.test("parseMatchers() reads an id as a selector of its series", () => {
  const name = fc.stringMatching(/^[A-Za-z_:][A-Za-z0-9_:.]{0,5}$/);
  fc.assert(fc.property(name, fc.oneof(labels, ugly), (name, labels) => {
    const id = seriesId(name, labels);
    assert.ok(matches(parseMatchers(id), id), id);
    assert.ok(!matches(parseMatchers(id), seriesId(`${name}x`, labels)), id);
  }));
});

const get = 'http_requests_total{code="200",method="get"}';

Deno.test("matches() is true of the series that PromQL would take", () => {
  const cases: readonly (readonly [selector: string, id: string, expected: boolean])[] = [
    ["up", "up", true],
    ["up", "upper", false],
    ["up", 'up{job="a"}', true],
    ["  http_requests_total { code = '200' , } ", get, true],
    ["http_requests_total{code=`200`}", get, true],
    ['http_requests_total{code="404"}', get, false],
    ['http_requests_total{code!="404"}', get, true],
    ['http_requests_total{code=~"2.."}', get, true],
    ['http_requests_total{code=~"2"}', get, false],
    ['http_requests_total{code=~"20|200"}', get, true],
    ['http_requests_total{code!~"4..|5.."}', get, true],
    ['http_requests_total{code=~"^200$"}', get, true],
    ['{__name__=~"http_.*",method!="post"}', get, true],
    ['{__name__!~"http_.*",method="get"}', get, false],
    ['{"http_requests_total",code="200"}', get, true],
    ['{"http_requests_total","code"="200"}', get, true],
    ['up{"service-name"=~"x|y"}', 'up{"service-name"="x"}', true],
    ['{"up","service-name"!="x"}', 'up{"service-name"="x"}', false],
    // What a series has not is the empty text.
    ['up{job=""}', "up", true],
    ['up{job=""}', 'up{job="a"}', false],
    ['up{job!="a"}', "up", true],
    ['up{job=~".*"}', "up", true],
    ['up{job=~".+"}', "up", false],
    ['up{constructor=~".+"}', "up", false],
    // A dot is a line feed, too.
    ['x{path=~"a.b"}', 'x{path="a\\nb"}', true],
    ['x{path="a\\nb"}', 'x{path="a\\nb"}', true],
    ["x{path='C:\\\\\"'}", 'x{path="C:\\\\\\""}', true],
    ["x{path=~`C:\\\\.*`}", 'x{path="C:\\\\a"}', true],
    ['x{a="\\u00e9\\x41\\101\\U0001F600"}', 'x{a="éAA😀"}', true],
    ['x{a=~"(?i)ÉA"}', 'x{a="éa"}', true],
    ['x{a=~"\\\\p{Greek}+"}', 'x{a="αβγ"}', true],
    ["a.b{c.d='e'}", 'a.b{c.d="e"}', true],
    ['{__name__="two words"}', 'two words{a="b"}', true],
    ['{__name__=~".+"}', "anything {", true],
  ];
  for (const [selector, id, expected] of cases) {
    assert.equal(matches(parseMatchers(selector), id), expected, `${selector} of ${id}`);
  }
});

Deno.test("matchesSeries() agrees with matches()", () => {
  const matchers = parseMatchers('up{job=~"a|b"}');
  for (const job of ["a", "b", "ab", ""]) {
    assert.equal(
      matchesSeries(matchers, { name: "up", labels: { job } }),
      matches(matchers, seriesId("up", { job })),
    );
  }
});

Deno.test("parseMatchers() says in a sentence what is wrong", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /^It ends where it needs a name, or \{$/],
    ["5xx", /^It has "5xx" at character 1 where it needs a name, or \{$/],
    ["up{", /^It ends where it needs a label's name, or \}$/],
    ["up{job}", /^It has "\}" at character 7 where it needs =, !=, =~ or !~ after a label's name$/],
    ["up{job=a}", /^It has "a\}" at character 8 where it needs a value in quotes$/],
    ['up{job="a}', /^It has "\\"a\}" at character 8 where it needs a value in quotes$/],
    ['up{job="a" b="c"}', /where it needs a comma, or \}$/],
    ['up{,job="a"}', /where it needs a label's name/],
    ['up{""="a"}', /where it needs a label's name before this/],
    ['up{job="a"} > 5', /^It has "> 5" at character 13 where it needs its end$/],
    ['up{job="a"}[5m]', /where it needs its end$/],
    ['up{job="\\q"}', /^A text has \\q, which is no escape; a backslash itself is written \\\\$/],
    ['up{job="\\U00110000"}', /which is no escape/],
    ['up{__name__="down"}', /^It says the name twice: as up and among the labels; once is right$/],
    ["{}", /^It would take every series/],
    ['{job=~".*"}', /^It would take every series/],
    ['{job!="a"}', /^It would take every series/],
    ['up{job=~"("}', /^The pattern of job is no regular expression in RE2's syntax: .*missing/],
    ['up{job=~"(a)\\\\1"}', /^The pattern of job is no regular expression in RE2's syntax/],
    ['up{job=~"a(?=b)"}', /^The pattern of job is no regular expression in RE2's syntax/],
    [
      `up{job=~"${"a".repeat(maxPatternUnits + 1)}"}`,
      /^The pattern of job has 1001 characters; at most 1000 are taken$/,
    ],
    ['up{job=~"a{1000}b{1000}c{10}"}', /^The pattern of job is too large: it has \d+ instructions/],
    [`up{job=~"(${"abc".repeat(10)}){1000}"}`, /^The pattern of job is too large: repeat less/],
    [`up{job=~"((${"\\\\d".repeat(200)}){30}[{2}a]){33}"}`, /^The pattern of job is too large: repeat less/],
    [`up{job="${"a".repeat(maxMatchersUnits)}"}`, /^It has 4010 characters; at most 4000 are taken$/],
    [`up{${'a="",'.repeat(maxMatchers)}}`, /^It has 33 matchers; at most 32 are taken$/],
  ];
  for (const [selector, expected] of cases) {
    assert.throws(() => parseMatchers(selector), (error) => {
      assert.ok(error instanceof SelectorError, selector);
      assert.match(error.message, expected, selector);
      return true;
    });
  }
});

Deno.test("parseMatchers() throws nothing but its own errors", () => {
  const piece = fc.constantFrom(
    ..."{}=!~,\"'`\\ \n",
    "up",
    "job",
    "(",
    "[a",
    "{2,1}",
    "\\x",
    "é",
    "__name__",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        matches(parseMatchers(pieces.join("")), get);
      } catch (error) {
        assert.ok(error instanceof SelectorError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("matches() takes linear time where JavaScript's own expressions take exponential time", () => {
  const matchers = parseMatchers('x{a=~"(a+)+b|(a|aa)+c|(.*a){12}d"}');
  assert.ok(!matches(matchers, seriesId("x", { a: "a".repeat(900) })));
});
