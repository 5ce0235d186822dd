/** Histories over HTTP: rows of the store and the actor's ring, joined. */

import assert from "node:assert/strict";
import { encodeHistoryChunk } from "../../actors/analytics/history.ts";
import { paneTypes } from "../../actors/analytics/pane_codec.ts";
import { fiveMinuteHistory, oneMinuteHistory } from "../../actors/analytics/resolution.ts";
import type { PanesAnswer } from "../../actors/analytics/window_answer.ts";
import { History } from "../../actors/http/schemas.ts";
import { withApp } from "./http_app_under_test.ts";
import { answered, fakeNowMs } from "./http_fake_engine.ts";

const { stepMs, rowMs } = fiveMinuteHistory;
const startMs = Math.floor(fakeNowMs / rowMs) * rowMs - 24 * rowMs;
const pane = { count: 2, sum: 6, m2: 2, min: 2, max: 4 };
const hour = (value: number) =>
  encodeHistoryChunk(fiveMinuteHistory, [{
    name: "temperature",
    type: paneTypes.numeric,
    constant: 0,
    panes: Array.from({ length: 12 }, (_, i) => i === 0 ? { ...pane, min: value } : null),
  }]);
const ring: PanesAnswer = {
  isKept: true,
  stepMs,
  fromMs: fakeNowMs - rowMs,
  channels: { temperature: [[fakeNowMs - stepMs, 1, 5, 0, 5, 5]] },
};

Deno.test("GET /sensors/{id}/history joins stored rows and the ring: ring, then checkpoint, then rows", () =>
  withApp({ limits: { historyRowsPage: 2 } }, async ({ ask, engine }) => {
    engine.answer = () => answered(ring);
    // Three rows of one hour and a page of two: the page has to grow.
    engine.historyRows = [0, 1, 2].map((part) => ({ startMs, part, row: hour(part) }))
      .concat([{ startMs: startMs + rowMs, part: 0, row: hour(9) }]);
    const answer = await (await ask("/sensors/a/history?step=1h")).json();
    assert.ok(History.safeParse(answer).success);
    assert.equal(answer.channel, "temperature");
    assert.deepEqual(
      answer.points.map(({ start, count, min }: Record<string, number>) => [start, count, min]),
      [[startMs, 6, 0], [startMs + rowMs, 2, 9], [fakeNowMs - rowMs, 1, 5]],
    );
    assert.equal(answer.from, startMs);
    assert.equal(answer.to, fakeNowMs);
    assert.deepEqual(engine.asked.map(({ query }) => query), ["panes"]);
    assert.deepEqual(engine.flushed, [[5]]);
  }));

Deno.test("GET /series/{id}/history says for which series single minutes are kept, where they are not", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ stepMs: 60_000, isKept: false, fromMs: null, channels: {} });
    for (const path of ["/sensors/a/history?step=7m", "/series/a/history?step=1m"]) {
      const response = await ask(path);
      assert.equal(response.status, 400);
      assert.match(
        (await response.json()).detail,
        /a multiple of 5 minutes is right.* kept for .* selects\.$/,
      );
    }
  }));

Deno.test("GET /series/{id}/history?step=1m joins minutes of rows and ring for the host's own metrics", () =>
  withApp({}, async ({ ask, engine }) => {
    const minuteMs = 60_000;
    const quarterMs = fakeNowMs - 2 * 60 * minuteMs;
    engine.answer = () =>
      answered({
        stepMs: minuteMs,
        isKept: true,
        fromMs: fakeNowMs - 60 * minuteMs,
        channels: { value: [[fakeNowMs - minuteMs, 1, 5, 0, 5, 5]] },
      });
    const panes = Array.from({ length: 15 }, (_, i) => i === 14 ? pane : null);
    const row = encodeHistoryChunk(oneMinuteHistory, [{
      name: "value",
      type: paneTypes.numeric,
      constant: 0,
      panes,
    }]);
    engine.historyRows = [{ startMs: quarterMs, part: 0, row }];
    const id = encodeURIComponent('host_load{period="1m"}');
    const from = quarterMs + 7 * minuteMs;
    const answer = await (await ask(`/series/${id}/history?step=1m&from=${from}`)).json();
    assert.ok(History.safeParse(answer).success);
    assert.deepEqual(
      answer.points.map(({ start, count, sum }: Record<string, number>) => [start, count, sum]),
      [[quarterMs + 14 * minuteMs, 2, 6], [fakeNowMs - minuteMs, 1, 5]],
    );
    assert.deepEqual([answer.stepMs, answer.from], [minuteMs, from]);
    assert.deepEqual(engine.asked.map(({ query }) => query), ["minutePanes"]);
    const [read] = engine.listed as { stepMs: number; fromMs: number }[];
    assert.deepEqual([read?.stepMs, read?.fromMs], [minuteMs, quarterMs]);
    assert.deepEqual(engine.flushed, [[5]]);
  }));

Deno.test("GET /series/{id}/history takes five-minute panes for the steps that can be made of them", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ ...ring, channels: { value: [] } });
    assert.equal((await ask("/series/host_load/history?step=15m")).status, 200);
    assert.deepEqual(engine.asked.map(({ query }) => query), ["panes"]);
    assert.equal((engine.listed[0] as { stepMs: number }).stepMs, stepMs);
  }));

Deno.test("GET /sensors/{id}/history wants a channel when there are several", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ ...ring, channels: { a: [], b: [] } });
    const response = await ask("/sensors/x/history");
    assert.equal(response.status, 400);
    assert.match((await response.json()).detail, /channels are a, b/);
    assert.equal((await ask("/sensors/x/history?channel=a")).status, 200);
  }));

Deno.test("GET /sensors/{id}/history answers 404 with the channels there are when it has no such channel", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ ...ring, channels: { a: [], b: [] } });
    for (const channel of ["c", "toString"]) {
      const response = await ask(`/sensors/x/history?channel=${channel}`);
      assert.equal(response.status, 404);
      const { type, detail } = await response.json();
      assert.equal(type, "/docs#problem-unknown-channel");
      assert.match(detail, new RegExp(`no channel "${channel}".* a, b`));
    }
  }));
