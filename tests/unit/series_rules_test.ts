/** What rules want of a series: the growth of counters, one-minute history. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { answerWindows } from "../../actors/analytics/window_answer.ts";
import { maxRulesPerSeries } from "../../actors/series/limits.ts";
import {
  type AnalysedWindows,
  seriesCounts,
  seriesDefinition,
  type SeriesMessage,
} from "../../actors/series/series.ts";
import type { SeriesState } from "../../actors/series/series_state.ts";
import { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import { type DeadLettered, stubContext } from "./window_rig.ts";

const noon = Date.UTC(2026, 0, 31, 12);
const second = 1000;
const minute = 60 * second;

class Series {
  readonly pool = new SlabPool({ chunkBytes: 16_384 });
  readonly counts = seriesCounts();
  readonly definition = seriesDefinition(this.pool, this.counts);
  readonly deadLetters: DeadLettered[] = [];
  /** Starts of the rows that were put, by step. */
  readonly put = new Map<number, number[]>();
  state: SeriesState = this.definition.state.create("requests_total");

  send(...messages: SeriesMessage[]): void {
    for (const message of messages) {
      assert.ok(this.definition.message.accepts(message), JSON.stringify(message));
      this.definition.receive(this.state, message, stubContext(noon + 60 * minute, this.deadLetters));
    }
  }

  /** Saves the state, releases it and reads it back. */
  restore(): void {
    const { state } = this.definition;
    const history = {
      put: (stepMs: number, startMs: number) =>
        void this.put.set(stepMs, [...this.put.get(stepMs) ?? [], startMs]),
      add() {},
    };
    const [hot, cold] = [new ByteWriter(), new ByteWriter()];
    state.cold!.encode(this.state, cold, history, noon);
    state.encode(this.state, hot, history);
    state.release!(this.state);
    const [hotReader, coldReader] = [new ByteReader(hot.finish()), new ByteReader(cold.finish())];
    this.state = state.decode("requests_total", state.version, hotReader, coldReader);
  }

  analysed() {
    const context = { id: "requests_total", nowMs: noon + 10 * minute };
    const ask = (name: string) =>
      this.definition.queries[name]!.answer(this.state, {} as never, context) as {
        readonly channel: string;
      };
    const [{ channel }, windows] = [ask("analysedMinutes"), ask("analysedWindows") as AnalysedWindows];
    assert.equal(windows.channel, channel);
    return [channel, windows.windows?.["1h"]?.count];
  }

  channel(name: string) {
    return answerWindows(this.state, noon + 10 * minute, null).channels[name]?.["1h"];
  }
}

Deno.test("a rule that wants rates has a channel `rate`, in which a reset counts from zero", () => {
  const series = new Series();
  series.send([noon, null, 100]);
  assert.equal(series.channel("rate"), undefined);
  series.send({ select: { rate: true }, by: "counters" }, [noon + 10 * second, null, 150]);
  assert.equal(series.channel("rate"), undefined);
  series.send([noon + 20 * second, null, 170], [noon + 30 * second, null, 30]);
  const rate = series.channel("rate");
  assert.deepEqual([rate?.count, rate?.min, rate?.max], [2, 2, 3]);
  assert.equal(series.channel("value")?.count, 4);
});

Deno.test("a value as old as the last one, or older, tells of no growth, which is counted", () => {
  const series = new Series();
  series.send({ select: { rate: true }, by: "counters" }, [noon, null, 10], [noon, null, 20]);
  series.send([noon - second, null, 5], [noon + 2 * second, null, 14]);
  const rate = series.channel("rate");
  assert.deepEqual([rate?.count, rate?.max], [1, 2]);
  assert.equal(series.counts.unrated.value, 2);
});

Deno.test("what rules want outlives the thread: the next value goes on from the last", () => {
  const series = new Series();
  series.send({ select: { rate: true, minutes: true }, by: "a" }, [noon, null, 1]);
  series.restore();
  assert.deepEqual(series.state.rules, { a: { rate: true, minutes: true } });
  assert.ok(series.state.keepsMinutes);
  series.send([noon + second, null, 4]);
  assert.equal(series.channel("rate")?.max, 3);
});

Deno.test("a series that rules want nothing of any more is as one that none ever did", () => {
  const series = new Series();
  series.send([noon, null, 1], { select: { rate: true }, by: "a" }, { select: { minutes: true }, by: "b" });
  const { memoryBytes } = series.state;
  series.send({ select: {}, by: "a" });
  assert.ok(!series.state.wants("rate") && series.state.wants("minutes"));
  series.send({ select: {}, by: "b" }, { select: {}, by: "never" });
  assert.deepEqual(series.state.rules, {});
  assert.ok(!series.state.keepsMinutes);
  assert.ok(series.state.memoryBytes < memoryBytes);
});

Deno.test("a series that is selected puts the minutes of its last hour, too", () => {
  const series = new Series();
  for (let i = 0; i < 30; i++) series.send([noon + i * minute, null, i]);
  series.restore();
  assert.equal(series.put.get(minute), undefined);
  series.put.clear();
  series.send({ select: { minutes: true }, by: "a" });
  series.restore();
  assert.deepEqual(series.put.get(minute), [noon, noon + 15 * minute]);
});

Deno.test("history that comes after live values leaves their score as it is", () => {
  const live = (from: number, count: number): SeriesMessage[] =>
    Array.from({ length: count }, (_, i) => [noon + (from + i) * second, null, 100 + (from + i) * 7 % 3]);
  const scores = (...between: readonly SeriesMessage[]) => {
    const series = new Series();
    series.send({ select: { anomalies: true }, by: "scores" }, ...live(0, 400), ...between, ...live(400, 20));
    return series.state.anomalies;
  };
  const undisturbed = scores();
  assert.deepEqual(undisturbed?.detections, []);
  const history = Array.from(
    { length: 400 },
    (_, i): SeriesMessage => [noon - 72 * 60 * minute + i * second, null, 20 + i * 7 % 3, 1],
  );
  assert.deepEqual(scores(...history), undisturbed);
});

Deno.test("what is analysed follows from what rules want now, not from which channels there are", () => {
  const series = new Series();
  series.send([noon, null, 1], { select: { minutes: true }, by: "forecasts" });
  assert.deepEqual(series.analysed(), ["value", 1]);
  series.send({ select: { rate: true }, by: "counters" });
  assert.deepEqual(series.analysed(), ["rate", undefined]);
  series.send([noon + second, null, 2], [noon + 2 * second, null, 4]);
  assert.deepEqual(series.analysed(), ["rate", 1]);
  series.send({ select: {}, by: "counters" });
  assert.deepEqual(series.analysed(), ["value", 3]);
  series.restore();
  assert.ok(series.channel("rate") !== undefined, "an actor never forgets a channel");
  assert.deepEqual(series.analysed(), ["value", 3]);
});

Deno.test("scores start anew when another channel is analysed, either way, and outlive the thread otherwise", () => {
  const series = new Series();
  let sent = 0;
  const send = (count: number) => {
    for (let i = 0; i < count; i++, sent++) {
      series.send([noon + sent * second, null, 100 * sent + sent * 7 % 3]);
    }
  };
  const missing = () => series.state.anomalies?.last?.missing;
  series.send({ select: { anomalies: true }, by: "scores" });
  send(1);
  const first = missing()!;
  send(first + 1);
  assert.equal(missing(), 0);
  series.send({ select: { rate: true }, by: "counters" });
  assert.deepEqual(series.state.anomalies, { last: null, detections: [] });
  send(2);
  assert.equal(missing(), first);
  send(first + 1);
  series.restore();
  series.send({ select: { rate: true }, by: "others" }, { select: {}, by: "counters" });
  send(1);
  assert.equal(missing(), 0);
  series.send({ select: {}, by: "others" });
  send(1);
  assert.equal(missing(), first);
});

Deno.test("one rule too many is a dead letter, and changes nothing", () => {
  const series = new Series();
  for (let i = 0; i < maxRulesPerSeries; i++) series.send({ select: { minutes: true }, by: `rule-${i}` });
  series.send({ select: { rate: true }, by: "rule-0" });
  assert.deepEqual(series.deadLetters, []);
  series.send({ select: { minutes: true }, by: "another" });
  assert.deepEqual(series.deadLetters.map(({ reason }) => reason), ["too-many-rules"]);
  assert.equal(Object.keys(series.state.rules).length, maxRulesPerSeries);
});

Deno.test("what rules want is read back from any row, or refused", () => {
  const rowOf = (text: string) => {
    const writer = new ByteWriter();
    writer.text(text);
    return writer.finish();
  };
  const { state } = seriesDefinition(new SlabPool({ chunkBytes: 16_384 }));
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string({ minLength: 1 })), (text) => {
    assert.throws(() => state.decode("a", state.version, new ByteReader(rowOf(text)), null), FormatError);
  }));
});
