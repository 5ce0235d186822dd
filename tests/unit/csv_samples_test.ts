/** Values of a series as CSV: times, headers, bad lines. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type BadLine, headerForm, linesOf, readCsv } from "../../actors/transfer/csv_samples.ts";
import { parseCsvTime } from "../../actors/transfer/csv_time.ts";

const noonMs = Date.UTC(2026, 0, 31, 12);

const times: readonly (readonly [text: string, timeMs: number | null])[] = [
  ["2026-01-31T12:00:00Z", noonMs],
  ["2026-01-31 12:00:00", noonMs],
  ["2026-01-31T12:00:00", noonMs],
  ["2026-01-31 12:00:00Z", noonMs],
  ["2026-01-31T12:00:00.250Z", noonMs + 250],
  ["2026-01-31 12:00:00.5", noonMs + 500],
  ["2026-01-31T13:00:00+01:00", noonMs],
  ["2026-01-31 12:00", noonMs],
  ["2026-01-31", noonMs - 12 * 3_600_000],
  ["1769860800", noonMs],
  ["1769860800.5", noonMs + 500],
  ["1769860800000", noonMs],
  ["0", 0],
  ["2024-02-29 00:00:00", Date.UTC(2024, 1, 29)],
  ["2026-02-29 00:00:00", null],
  ["2026-13-01 00:00:00", null],
  ["2026-01-31 24:00:00", null],
  ["1969-12-31 23:59:59", null],
  ["2026-01-31T12:00:00.2x0Z", null],
  ["31.01.2026 12:00", null],
  ["-1", null],
  ["1e9", null],
  ["", null],
  ["<html>", null],
];

for (const [text, timeMs] of times) {
  Deno.test(`parseCsvTime() reads ${JSON.stringify(text)} as ${timeMs}`, () => {
    assert.equal(parseCsvTime(text), timeMs);
  });
}

Deno.test("parseCsvTime() reads what a Date writes, in every form", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (timeMs) => {
    const text = new Date(timeMs).toISOString();
    const wholeMs = Math.floor(timeMs / 1000) * 1000;
    assert.equal(parseCsvTime(text), timeMs);
    assert.equal(parseCsvTime(text.slice(0, 19).replace("T", " ")), wholeMs);
    assert.equal(parseCsvTime(text.slice(0, 10)), Math.floor(timeMs / 86_400_000) * 86_400_000);
    if (timeMs >= 1e11) assert.equal(parseCsvTime(String(timeMs)), timeMs);
  }));
});

function read(text: string, untilMs = Infinity) {
  const samples: [number, number][] = [];
  const bad: BadLine[] = [];
  readCsv(linesOf(text), untilMs, {
    sample: (timeMs, value) => void samples.push([timeMs, value]),
    bad: (line) => void bad.push(line),
  });
  return {
    samples,
    bad: bad.map(({ line, code }) => [line, code]),
    sentences: bad.map((each) => each.sentence),
  };
}

const two: [number, number][] = [[1000, 1], [2000, -2.5]];
const forms = [
  ["plain", "1,1\n2,-2.5\n"],
  ["no final newline", "1,1\n2,-2.5"],
  ["CRLF", "timestamp,value\r\n1,1\r\n2,-2.5\r\n"],
  ["a byte order mark", "\ufefftimestamp,value\n1,1\n2,-2.5\n"],
  ["empty lines", "\n1,1\n\n  \n2,-2.5\n\n"],
  ["quotes and blanks", '"timestamp","value"\n"1", "1"\n 2 , -2.5 \n'],
  ["columns that are named", "host,value,quality,timestamp\na,1,ok,1\nb,-2.5,\ufffd,2\n"],
  ["the columns the other way round", "value,time\n1,1\n-2.5,2\n"],
  ["a header in another encoding", "Zeit (UTC),Au\ufffdentemperatur [°C]\n1,1\n2,-2.5\n"],
  ["a header without known names", "wann,wieviel\n1,1\n2,-2.5\n"],
] as const;

for (const [name, text] of forms) {
  Deno.test(`readCsv() reads ${name}`, () => {
    const { samples, bad } = read(text);
    assert.deepEqual(samples, two);
    assert.deepEqual(bad, []);
  });
}

Deno.test("readCsv() names each bad line, and reads the others", () => {
  const lines = [
    "timestamp,value",
    "1,1",
    "2",
    "3,4,5",
    "yesterday,1",
    "4,NaN",
    "5,",
    "6,0x10",
    "7,1e999",
    "<html><body>no</body></html>",
    `8,${"1".repeat(5000)}`,
    "9,9",
    "99,1",
  ];
  const { samples, bad, sentences } = read(lines.join("\n"), 10_000);
  assert.deepEqual(samples, [[1000, 1], [9000, 9]]);
  assert.deepEqual(bad, [
    [3, "malformed"],
    [4, "malformed"],
    [5, "invalid"],
    [6, "invalid"],
    [7, "invalid"],
    [8, "invalid"],
    [9, "invalid"],
    [10, "malformed"],
    [11, "malformed"],
    [13, "too-far-ahead"],
  ]);
  assert.match(sentences[0] ?? "", /^It has no comma: columns are needed, 2, timestamp/);
  assert.match(sentences[1] ?? "", /^It has 3 columns: 2, timestamp and value, are right$/);
  assert.match(sentences[2] ?? "", /^Its time is "yesterday": .* is right$/);
  assert.equal(sentences[3], 'Its value is "NaN": a number is right');
  assert.match(sentences[8] ?? "", /^It has more than 4096 characters, and begins with "8,1{57}…"$/);
});

Deno.test("headerForm() is null for values, good or broken", () => {
  for (const line of ["1,2", "2026-01-31,x", "x,5", "no comma", "", "[null, null]", "<a href=x>,<b>"]) {
    assert.equal(headerForm(line), null, line);
  }
});

Deno.test("readCsv() reads any text, and every line is a sample, empty, bad or the header", () => {
  const cell = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.double().map(String),
    fc.constantFrom("1", "2026-01-31"),
  );
  const line = fc.array(cell, { maxLength: 3 }).map((cells) => cells.join(","));
  fc.assert(fc.property(fc.array(line, { maxLength: 8 }), (all) => {
    const lines = linesOf(all.join("\n"));
    const { samples, bad } = read(all.join("\n"));
    const empty = lines.filter((each) => each.trim() === "").length;
    const rest = lines.length - samples.length - bad.length - empty;
    assert.ok(rest === 0 || rest === 1 && headerForm(lines[0] ?? "") !== null, `${rest}`);
    for (const [timeMs, value] of samples) assert.ok(timeMs >= 0 && Number.isFinite(value));
  }));
});
