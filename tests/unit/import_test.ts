/** Imports: chunks of text, what is known of them after a crash, and what is sent. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { closingText, emptyTally, progressText } from "../../actors/transfer/import_progress.ts";
import type { ImportFile } from "../../actors/transfer/import_files.ts";
import { type ImportOptions, runImport } from "../../actors/transfer/import_run.ts";
import { ImportState, type StateFile } from "../../actors/transfer/import_state.ts";
import type { Answer, Asked } from "../../actors/transfer/node_client.ts";
import { maxLineUnits } from "../../actors/transfer/limits.ts";
import { type Chunk, TextChunks } from "../../actors/transfer/text_chunks.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function chunksOf(bytes: Uint8Array, size: number, lines: number, units = 1000): Promise<Chunk[]> {
  const chunks = new TextChunks(pieces(bytes, size));
  const all: Chunk[] = [];
  for (let chunk = await chunks.next({ lines, units }); chunk !== null;) {
    all.push(chunk);
    chunk = await chunks.next({ lines, units });
  }
  return all;
}

const encoder = new TextEncoder();

Deno.test("TextChunks gives whole lines, however the file is read", async () => {
  const line = fc.string({ maxLength: 20 }).map((text) => text.replaceAll("\n", ""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 30 }),
      fc.integer({ min: 4, max: 50 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 25, max: 200 }),
      async (all, size, lines, units) => {
        // A byte order mark would be taken away, and what looks like UTF-16 read as that.
        const text = ["time,value", ...all].join("\n");
        const bytes = encoder.encode(text);
        const chunks = await chunksOf(bytes, size, lines, units);
        assert.deepEqual(chunks, await chunksOf(bytes, bytes.length, lines, units));
        const wanted = text.endsWith("\n") ? text.slice(0, -1) : text;
        assert.equal(chunks.map((chunk) => chunk.text).join("\n"), wanted);
        let first = 1;
        for (const chunk of chunks) {
          assert.equal(chunk.first, first);
          assert.ok(chunk.lines <= lines && chunk.text.length <= units);
          assert.equal(chunk.text.split("\n").length, chunk.lines);
          first += chunk.lines;
        }
      },
    ),
  );
});

function utf16(text: string, isLittle: boolean): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(i * 2, text.charCodeAt(i), isLittle);
  return bytes;
}

const table = "température,value\r\n1,2\r\n3,4";
const encodings: readonly (readonly [name: string, bytes: Uint8Array, header: string])[] = [
  ["UTF-8", encoder.encode(table), "température,value\r"],
  ["UTF-8 with its mark", encoder.encode(`\ufeff${table}`), "température,value\r"],
  ["UTF-16 with its mark, little end first", utf16(`\ufeff${table}`, true), "température,value\r"],
  ["UTF-16 with its mark, big end first", utf16(`\ufeff${table}`, false), "température,value\r"],
  ["UTF-16 without a mark", utf16(table, true), "température,value\r"],
  [
    "Latin-1",
    Uint8Array.from(table, (letter) => letter.charCodeAt(0)),
    "temp\ufffdrature,value\r",
  ],
];

for (const [name, bytes, header] of encodings) {
  Deno.test(`TextChunks reads ${name}`, async () => {
    for (const size of [4, 7, 1000]) {
      const chunks = await chunksOf(bytes, size, 2);
      assert.deepEqual(chunks, [
        { text: `${header}\n1,2\r`, first: 1, lines: 2 },
        { text: "3,4", first: 3, lines: 1 },
      ]);
    }
  });
}

Deno.test("TextChunks keeps the beginning of a long line, which is too long still, and goes on behind it", async () => {
  const long = (units: number) => "x".repeat(units);
  for (const units of [maxLineUnits + 1, maxLineUnits + 2, 100_000]) {
    for (const end of ["", "\n", "\n3,4"]) {
      const bytes = encoder.encode(`1,2\n${long(units)}\n${long(units)}${end}`);
      const kept = `${long(maxLineUnits)}…`;
      for (const size of [100, 5000, bytes.length]) {
        const chunks = await chunksOf(bytes, size, 2, 3 * maxLineUnits);
        assert.deepEqual(chunks, [
          { text: `1,2\n${kept}`, first: 1, lines: 2 },
          end === "\n3,4" ? { text: `${kept}\n3,4`, first: 3, lines: 2 } : { text: kept, first: 3, lines: 1 },
        ]);
      }
    }
  }
});

Deno.test("TextChunks leaves no line good, or empty, of which it has cut something off", async () => {
  for (const beginning of ["1,1", ""]) {
    const bytes = encoder.encode(`${beginning.padEnd(maxLineUnits)}2,2`);
    for (const size of [100, bytes.length]) {
      const [chunk] = await chunksOf(bytes, size, 1);
      assert.equal(chunk?.text, `${beginning.padEnd(maxLineUnits)}…`);
    }
  }
});

Deno.test("TextChunks of an empty file has none", async () => {
  assert.deepEqual(await chunksOf(new Uint8Array(), 10, 10), []);
});

/** A state file in memory. */
class MemoryFile implements StateFile {
  text = "";
  read(): string {
    return this.text;
  }
  append(text: string): void {
    this.text += text;
  }
}

const file: ImportFile = { path: "/d/a.csv", bytes: 10, shown: "a.csv", series: "a" };
const chunk = { path: file.path, series: "a", lines: 3, key: "k1", sentMs: 1, untilMs: 1 };

Deno.test("ImportState knows after a crash what was sent and what was taken, and skips a torn line", () => {
  const memory = new MemoryFile();
  const state = new ImportState(memory);
  state.sending(chunk);
  state.taken("k1", 3);
  state.sending({ ...chunk, key: "k2" });
  state.sending({ ...chunk, key: "k2", sentMs: 2 });
  memory.text += '{"done":"k';
  const again = new ImportState(memory);
  const known = again.chunksOf("/d/a.csv", "a").map(({ key, isDone, sentMs }) => [key, isDone, sentMs]);
  assert.deepEqual(known, [["k1", true, 1], ["k2", false, 2]]);
  assert.deepEqual(again.chunksOf("/d/a.csv", "b"), []);
  again.taken("k2", 0);
  const taken = new ImportState(memory).chunksOf("/d/a.csv", "a");
  assert.deepEqual(taken.map(({ isDone, mayHaveRows }) => [isDone, mayHaveRows]), [[true, true], [
    true,
    false,
  ]]);
  again.forget("/d/a.csv", "a");
  assert.deepEqual(new ImportState(memory).chunksOf("/d/a.csv", "a"), []);
});

/** A node that takes each key once, and an import into it. */
class Stage {
  readonly memory = new MemoryFile();
  readonly events: string[] = [];
  readonly keys: string[] = [];
  readonly bodies: string[] = [];
  isKnown = true;
  nowMs = 1000;
  onUnknown: ImportOptions["onUnknown"] = "ask";
  /** Throws in the place of an answer to this request, from 0, as when the import is killed. */
  killedAt = -1;
  rejected: unknown = [];
  /** Null: all lines. */
  accepted: number | null = null;

  async run(text: string): Promise<void> {
    this.events.length = this.keys.length = this.bodies.length = 0;
    const note = (event: string) => void this.events.push(event);
    await runImport([file], {
      client: { ask: (path, asked = {}) => this.#answer(path, asked) },
      state: new ImportState(this.memory),
      connections: 3,
      onUnknown: this.onUnknown,
      stop: new AbortController().signal,
      nowMs: () => this.nowMs,
      open: () => pieces(encoder.encode(text), 1000),
      report: {
        rows: (count) => note(`rows ${count}`),
        bytes: () => {},
        forgotten: (count) => count > 0 && note(`forgotten ${count}`),
        badLine: (_file, line, sentence) => note(`line ${line}: ${sentence}`),
        fileDone: (_file, wasDone) => note(wasDone ? "done before" : "done"),
        fileFailed: (_file, sentence) => note(sentence),
        fileForgotten: () => note("forgotten file"),
      },
    });
  }

  #answer(path: string, { method, headers = {}, body = "" }: Asked): Promise<Answer> {
    if (method !== "POST") return Promise.resolve({ status: this.isKnown ? 200 : 404, text: "{}" });
    assert.match(path, /^series\/a\/history\?until=\d+$/);
    if (this.keys.length === this.killedAt) return Promise.reject(new Error("killed"));
    this.keys.push(headers["idempotency-key"] ?? "");
    this.bodies.push(body);
    const accepted = this.accepted ?? body.split("\n").length;
    const text = JSON.stringify({ accepted, rejected: this.rejected, forgotten: 0 });
    return Promise.resolve({ status: 202, text });
  }
}

const header = "host,timestamp,value";
const longText = [header, ...Array.from({ length: 25_000 }, (_, i) => `h,${i},${i}`)].join("\n");

Deno.test("runImport() sends every line once, each chunk with the header", async () => {
  const stage = new Stage();
  await stage.run(longText);
  assert.deepEqual(stage.events, ["rows 9999", "rows 10000", "rows 5004", "done"]);
  assert.ok(stage.bodies.every((body) => body.startsWith(`${header}\n`)));
  const lines = stage.bodies.flatMap((body) => body.split("\n").slice(1));
  assert.equal([header, ...lines].join("\n"), longText);
  await stage.run(longText);
  assert.deepEqual(stage.events, ["done before"]);
});

Deno.test("runImport() goes on with a file that has grown, and refuses one that is another", async () => {
  const stage = new Stage();
  await stage.run("1,1\n2,2");
  await stage.run("1,1\n2,2\n3,3\n");
  assert.deepEqual(stage.bodies, ["3,3"]);
  await stage.run("1,1\n2,5\n3,3\n");
  assert.deepEqual(stage.bodies, []);
  assert.match(stage.events[0] ?? "", /^It has changed since it was imported: from line 1 on it is another/);
  await stage.run("1,1");
  assert.match(stage.events[0] ?? "", /^It has changed/);
});

Deno.test("runImport() sends what a killed import left open again, under the same key", async () => {
  const stage = new Stage();
  stage.killedAt = 1;
  await stage.run(longText);
  assert.deepEqual(stage.events, ["rows 9999", "killed"]);
  const left = JSON.parse(stage.memory.text.trim().split("\n").at(-1) ?? "");
  stage.killedAt = -1;
  stage.nowMs += 60_000;
  await stage.run(longText);
  assert.equal(stage.keys[0], left.key);
  assert.deepEqual(stage.events, ["rows 10000", "rows 5004", "done"]);
});

Deno.test("runImport() asks what to do where the node cannot know any more whether it took a chunk", async () => {
  const stage = new Stage();
  stage.killedAt = 1;
  await stage.run(longText);
  stage.killedAt = -1;
  stage.nowMs += 3_600_000;
  await stage.run(longText);
  assert.match(stage.events[0] ?? "", /its lines 10000 to 19998 were on their way, .*--unknown repeat/);
  assert.deepEqual(stage.keys, []);
  stage.onUnknown = "skip";
  await stage.run(longText);
  assert.deepEqual(stage.events, ["rows 5004", "done"]);
});

Deno.test("runImport() begins anew where the node knows nothing of the series", async () => {
  const stage = new Stage();
  await stage.run("1,1\n");
  stage.isKnown = false;
  await stage.run("1,1\n");
  assert.deepEqual(stage.events, ["forgotten file", "rows 1", "done"]);
});

Deno.test("runImport() sends nothing of empty lines, and of a file without any", async () => {
  const stage = new Stage();
  await stage.run("\n".repeat(12_000));
  assert.deepEqual(stage.keys, []);
  assert.equal(stage.events.length, 1);
  const empty = new Stage();
  await empty.run("");
  assert.deepEqual(empty.events, ["done"]);
});

Deno.test("runImport() knows a file again of which the node has refused every line", async () => {
  const stage = new Stage();
  stage.isKnown = false;
  stage.rejected = [{ line: 1, code: "malformed", sentence: "bad" }];
  stage.accepted = 0;
  await stage.run("no values");
  assert.deepEqual(stage.events, ["rows 0", "line 1: bad", "done"]);
  await stage.run("no values");
  assert.deepEqual(stage.events, ["done before"]);
});

Deno.test("runImport() tells bad lines by their number in the file", async () => {
  const stage = new Stage();
  stage.rejected = [{ line: 2, code: "invalid", sentence: "bad" }];
  await stage.run(longText);
  const told = stage.events.filter((event) => event.startsWith("line"));
  // The second and third body begin with the header, which is none of their lines in the file.
  assert.deepEqual(told, ["line 2: bad", "line 10000: bad", "line 19999: bad"]);
});

Deno.test("progressText() and closingText() say how far it is, and what came of it", () => {
  const tally = { ...emptyTally(), rows: 1_000_000, bytes: 2 ** 20, files: 1 };
  assert.equal(
    progressText(tally, 4 * 2 ** 20, 4000),
    "[#####...............]  25 %, 1.00 MiB of 4.00 MiB, 250,000 rows/s, 12 s left",
  );
  assert.equal(closingText(tally, 4000), "1,000,000 rows of 1 file in 4.0 s (250,000 rows/s)\n");
  assert.match(
    closingText({ ...tally, badLines: 1, filesBefore: 2, filesFailed: 1, forgotten: 5 }, 4000),
    /\n2 files had been imported before\n1 line refused\n1 file failed\n5 rows are older than .*--retention\n$/,
  );
});
