/**
 * A whole node whose data folder met random faults, between two starts or after a crash: each answer is the one that the
 * sound folder gives, or a refusal, at the start or when it is asked for.
 */

import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { historySeries } from "../../actors/analytics/history.ts";
import { fiveMinuteHistory } from "../../actors/analytics/resolution.ts";
import { readingOf } from "../../actors/sensors/sensor.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { LogError } from "../../runtime/log/port.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import { type EmbeddedEngine, startEngine } from "../../runtime/node/node.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { type Fault, fault, inflict } from "../contract/damaged_bytes.ts";
import { deadlineMs } from "./engine_harness.ts";
import { withFolder } from "../services/folder.ts";

const runs = 6;
const minuteMs = 60_000;
const definitionsUrl = new URL("../../actors/definitions.ts", import.meta.url).href;
const ids = Array.from({ length: 12 }, (_, n) => `sensor ${n}`);
const nowMs = Math.floor(Date.now() / (60 * minuteMs)) * 60 * minuteMs;
const history = { channel: "t", fromMs: nowMs - 24 * 60 * minuteMs, toMs: nowMs, stepMs: 15 * minuteMs };

function start(dataDir: string, reports: string[] = []): Promise<EmbeddedEngine> {
  return startEngine({
    definitionsUrl,
    dataDir,
    shards: 3,
    threads: 1,
    report: ({ message }) => void reports.push(message),
    onFatal: (error) => void reports.push(error.message),
  });
}

/** Half a day of readings, in bodies with and without keys, with one that is too far ahead for the fold. */
async function fill(engine: EmbeddedEngine, fromHours: number, toHours: number): Promise<void> {
  for (
    let atMs = nowMs - fromHours * 60 * minuteMs;
    atMs < nowMs - toHours * 60 * minuteMs;
    atMs += 20 * minuteMs
  ) {
    const batch = engine.batch(`key ${atMs}`);
    for (const [n, id] of ids.entries()) {
      batch.add("sensor", id, readingOf(atMs + n, null, { t: n + (atMs % 64) / 8, door: n % 2 === 0 }, true));
    }
    await batch.send();
  }
  const ahead = engine.batch(`ahead ${fromHours}`);
  ahead.add("sensor", ids[0]!, readingOf(nowMs + 600 * minuteMs, null, { t: 1 }, false));
  await ahead.send();
}

type Answers = ReadonlyMap<string, unknown>;

/** Null where the question was refused. */
async function answersOf(engine: EmbeddedEngine): Promise<Answers> {
  const answers = new Map<string, unknown>();
  const put = async (question: string, ask: () => Promise<unknown>) => {
    try {
      answers.set(question, await ask());
    } catch (thrown) {
      const isRefusal = thrown instanceof EngineError || thrown instanceof StoreError;
      assert.ok(isRefusal, `${question}: ${errorMessage(thrown)}`);
      answers.set(question, null);
    }
  };
  const ask = async (id: string, query: string, args: object) => {
    const target = { kind: "sensor", id };
    const result = await engine.ask(target, query, args, { consistency: "strict", deadlineMs });
    if (result.type === "failed") return null;
    assert.equal(result.type, "answered", `${query} of ${id}: ${JSON.stringify(result)}`);
    return result.type === "answered" ? JSON.parse(result.json) : null;
  };
  await put("flush", () => engine.flush(deadlineMs));
  for (const id of ids) {
    await put(`state of ${id}`, async () => {
      const state = await ask(id, "state", {});
      // How much memory a state takes says how it came to be.
      return state === null ? null : { ...state, memoryBytes: 0 };
    });
    await put(`windows of ${id}`, () => ask(id, "windows", { at: nowMs }));
    // What is in the ring, and what is stored, depends on when a checkpoint was; both together do not.
    await put(`history of ${id}`, async () => {
      const ring = await ask(id, "panes", {});
      const rows = await engine.store.history({ kind: "sensor", id }, {
        stepMs: 5 * minuteMs,
        fromMs: 0,
        toMs: 1e15,
        limit: 1000,
      });
      return ring === null ? null : historySeries(fiveMinuteHistory, rows, ring, history);
    });
  }
  await put("list", () => engine.store.list("sensor", null, 100));
  await put("letters", () => engine.store.deadLetters({ after: null, limit: 100 }));
  return answers;
}

/** Null where the start is refused. */
async function startedAnswers(dataDir: string, reports: string[] = []): Promise<Answers | null> {
  let engine: EmbeddedEngine;
  try {
    engine = await start(dataDir, reports);
  } catch (thrown) {
    const isRefusal = thrown instanceof StoreError || thrown instanceof LogError;
    assert.ok(isRefusal, String(thrown));
    assert.doesNotMatch(thrown.message, /\n/);
    return null;
  }
  try {
    return await answersOf(engine);
  } finally {
    await engine.stop(deadlineMs);
  }
}

function filesOf(dataDir: string): string[] {
  const log = join(dataDir, "log");
  const names = readdirSync(log).filter((name) => name.endsWith(".db"));
  return [join(dataDir, "store.db"), ...names.map((name) => join(log, name))];
}

function assertSame(found: Answers | null, expected: Answers): "refused" | "answered" {
  if (found === null) return "refused";
  for (const [question, answer] of found) {
    if (answer !== null) assert.deepEqual(answer, expected.get(question), question);
  }
  return "answered";
}

async function makeFolder(dataDir: string, crashed: string | null): Promise<void> {
  // A store that lost even which log is folded into it would be refused.
  await (await start(dataDir)).stop(deadlineMs);
  const engine = await start(dataDir);
  try {
    await fill(engine, 12, 6);
    await engine.flush(deadlineMs);
    await fill(engine, 6, 0);
    await engine.flush(deadlineMs);
    if (crashed !== null) cpSync(dataDir, crashed, { recursive: true });
  } finally {
    await engine.stop(deadlineMs);
  }
}

Deno.test("A node answers as before its files were damaged, or refuses", () =>
  withFolder(async (folder) => {
    const [sound, copy] = [join(folder, "sound"), join(folder, "copy")];
    await makeFolder(sound, null);
    cpSync(sound, copy, { recursive: true });
    const expected = await startedAnswers(copy);
    assert.ok(expected !== null && ![...expected.values()].includes(null));
    const property = fc.asyncProperty(fc.nat(), fault, async (file, one: Fault) => {
      rmSync(copy, { recursive: true });
      cpSync(sound, copy, { recursive: true });
      const files = filesOf(copy);
      const path = files[file % files.length]!;
      inflict(path, path.endsWith("store.db") ? 8192 : 16_384, one);
      assertSame(await startedAnswers(copy), expected);
    });
    await fc.assert(property, { numRuns: runs });
  }));

Deno.test("A node whose write-ahead log was cut short by a crash folds again what it lost, and says so", () =>
  withFolder(async (folder) => {
    const [crashed, copy] = [join(folder, "crashed"), join(folder, "copy")];
    await makeFolder(join(folder, "sound"), crashed);
    cpSync(crashed, copy, { recursive: true });
    const expected = await startedAnswers(copy);
    assert.ok(expected !== null && ![...expected.values()].includes(null));
    let told = 0;
    const property = fc.asyncProperty(fc.nat(999_999), async (share) => {
      rmSync(copy, { recursive: true });
      cpSync(crashed, copy, { recursive: true });
      const wal = join(copy, "store.db-wal");
      truncateSync(wal, Math.floor(share / 1_000_000 * readFileSync(wal).length));
      const reports: string[] = [];
      const found = await startedAnswers(copy, reports);
      assert.equal(assertSame(found, expected), "answered");
      if (reports.some((sentence) => /-wal are not whole, as a crash leaves them/.test(sentence))) told++;
    });
    await fc.assert(property, { numRuns: runs });
    assert.ok(told > 0);
  }));
