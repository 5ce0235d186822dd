/** Sources on a node as its user starts it: targets of every kind, and a real Prometheus of a real node exporter. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { NodeExporter, nodeExporterProgram } from "../services/node_exporter.ts";
import { Prometheus } from "../services/prometheus.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { Targets } from "../services/targets.ts";
import { seriesId } from "../../actors/series/sample.ts";
import { SourcesClient } from "./sources_client.ts";

const deadlineMs = 30_000;
const flags = ["--no-host-metrics", "--shards", "2"];
const text = { headers: { "content-type": "text/plain; version=0.0.4" } };

function hugePage(): Response {
  const line = new TextEncoder().encode(`a{x="${"y".repeat(1000)}"} 1\n`.repeat(64));
  return new Response(
    new ReadableStream({ pull: (controller) => controller.enqueue(line) }),
    text,
  );
}

async function gzipped(page: string): Promise<Response> {
  const packed = new Blob([page]).stream().pipeThrough(new CompressionStream("gzip"));
  const headers = {
    "content-type": "application/openmetrics-text; version=1.0.0",
    "content-encoding": "gzip",
  };
  return new Response(await new Response(packed).bytes(), { headers });
}

const mixed = [
  "# TYPE requests_total counter",
  'requests_total{code="200"} 10',
  'requests_total{code="200"} 11',
  "temperature NaN",
  "broken{ 1",
  "old 1 1000",
  "",
].join("\n");

/** By the path: what is said of targets that cannot be read. */
const failures: Readonly<Record<string, readonly [code: string, sentence: RegExp]>> = {
  "/hang": ["timeout", /^It has not answered within 1 s$/],
  "/html": ["not-metrics", /^Its page is HTML, and no metrics/],
  "/huge": ["too-large", /^Its answer has more than 10 MiB/],
  "/json": ["not-metrics", /^Its page is application\/json/],
  "/garbage": ["not-metrics", /^Its page is no metrics: line 1: /],
  "/moved": ["status", /^It answers with 302, to http:\/\/127\.0\.0\.1:\d+\/good; give the address/],
  "/away": ["status", /^It answers with 404, and 200 is needed$/],
};

Deno.test("targets that hang, answer with something else or too much are told, and the others go on", () =>
  withFolder(async (dataDir) => {
    let requests = 0;
    await using targets = new Targets({
      "/good": () => gzipped(`# TYPE good counter\ngood_total{path="a"} ${++requests}\n# EOF\n`),
      "/mixed": () => new Response(mixed, text),
      "/hang": (_request, stopped) =>
        new Promise((resolve) => stopped.addEventListener("abort", () => resolve(new Response()))),
      "/html": () => new Response("<!doctype html><p>Hello", { headers: { "content-type": "text/html" } }),
      "/huge": hugePage,
      "/json": () => Response.json({ a: 1 }),
      "/garbage": () => new Response("\u0000\u0001 no metrics\nat all", text),
      "/moved": () => new Response(null, { status: 302, headers: { location: "/good?secret=1" } }),
    });
    await using node = await Node.start({ dataDir, flags });
    const client = new SourcesClient(node.url);
    const spec = (path: string) => ({ type: "target", url: targets.url(path), every: "1s", timeout: "1s" });
    for (const path of ["/good", "/mixed", ...Object.keys(failures)]) {
      await client.put(path.slice(1), spec(path));
    }
    for (const [path, [code, sentence]] of Object.entries(failures)) {
      const state = await client.source(path.slice(1), "to fail", ({ failures }) => failures > 0);
      assert.match(state.failure, sentence);
      assert.equal(state.last.failure.code, code);
      assert.equal(state.isUp, false);
    }
    const { last } = await client.source("mixed", "to be read", ({ readings }) => readings > 1);
    assert.deepEqual(
      [last.samples, last.refused.duplicate, last.refused.notFinite, last.refused.broken, last.failure],
      [1, 1, 1, 1, null],
    );
    assert.equal(last.refused.repeated, 1, "the time of the last sample comes again");
    await client.source("good", "to be read", ({ readings }) => readings > 3);
    const labels = { instance: targets.address };
    const good = await client.series(seriesId("good_total", { path: "a", job: "good", ...labels }));
    assert.ok(good.count > 3);
    assert.equal(good.min, 1);
    const up = await client.series(seriesId("up", { job: "good", ...labels }));
    assert.deepEqual([up.min, up.max], [1, 1]);
    const down = await client.series(seriesId("up", { job: "html", ...labels }));
    assert.deepEqual([down.min, down.max], [0, 0]);

    const metrics = await (await fetch(`${node.adminUrl}/metrics`)).text();
    const count = (sample: string) => Number(metrics.split(`\n${sample} `)[1]?.split("\n")[0]);
    for (const code of ["ok", ...new Set(Object.values(failures).map(([code]) => code))]) {
      assert.ok(count(`sensorium_scrapes_total{outcome="${code}"}`) > 0, code);
    }
    assert.ok(count('sensorium_scrape_refused_total{reason="duplicate"}') > 0);
    assert.ok(count('sensorium_scrape_duration_seconds_count{type="target"}') > 0);

    await client.ask("DELETE", "/sources/good", undefined, 204);
    await client.ask("GET", "/sources/good", undefined, 404);
    const { items } = await client.get("/sources");
    assert.equal(items.length, Object.keys(failures).length + 1);
    const { detail } = await client.ask(
      "PUT",
      "/sources/file",
      { ...spec("/good"), bearer_token_file: "/x" },
      400,
    );
    assert.match(detail, /bearer_token_file: no file can be named over HTTP/);
    const warned = node.errors.split("\n").filter((line) => line.includes("Cannot read the source html"));
    assert.equal(warned.length, 1, "it is told once");
  }));

Deno.test("the configuration file's sources have tokens of files, which nothing shows", () =>
  withFolder(async (folder) => {
    await using targets = new Targets({
      "/good": ({ headers }) => {
        const isRight = headers.get("authorization") === "Bearer correct-horse";
        return isRight ? new Response("good 1\n", text) : new Response("No", { status: 401 });
      },
    });
    const [config, token] = [`${folder}/config.json`, `${folder}/token`];
    await Deno.writeTextFile(token, "correct-horse\n");
    const spec = { type: "target", url: targets.url("/good"), every: "1s", bearer_token_file: token };
    await Deno.writeTextFile(config, JSON.stringify({ sources: { good: spec } }));
    await using node = await Node.start({ dataDir: `${folder}/data`, flags: [...flags, "--config", config] });
    const client = new SourcesClient(node.url);
    const found = await eventually("the source to be there", deadlineMs, async () => {
      const { items } = await client.get("/sources");
      return items.length > 0 ? true : null;
    });
    assert.ok(found);
    const state = await client.source("good", "to be read", ({ isUp }) => isUp === true);
    assert.deepEqual([state.origin, state.spec.bearer_token_file], ["file", token]);
    await Deno.remove(token);
    const up = seriesId("up", { job: "good", instance: new URL(targets.url("/good")).host });
    const failed = await client.source("good", "to fail", ({ failures }) => failures > 0);
    assert.match(failed.failure, /^The file of its token cannot be read/);
    await eventually("up to be 0", deadlineMs, async () => {
      const answer = await client.get(`/series/${encodeURIComponent(up)}`);
      return answer.channels.value.last.value === 0 ? true : null;
    });
    for (const shown of [JSON.stringify(state), node.errors, node.output]) {
      assert.ok(!shown.includes("correct-horse"));
    }
  }));

/** Answers range queries as Prometheus does, its bound on points included, with as many series as are asked for. */
async function syntheticServer(request: Request, series: number): Promise<Response> {
  const form = new URLSearchParams(await request.text());
  const [start, end, step] = ["start", "end", "step"].map((name) => Number(form.get(name))) as [
    number,
    number,
    number,
  ];
  const points = Math.floor((end - start) / step) + 1;
  if (points > 11_000) {
    const error = "exceeded maximum resolution of 11,000 points per timeseries";
    return Response.json({ status: "error", errorType: "bad_data", error }, { status: 400 });
  }
  const values = Array.from({ length: points }, (_, i) => [start + i * step, `${(start / step + i) % 8}`]);
  const result = Array.from(
    { length: series },
    (_, i) => ({ metric: { __name__: "wave", i: `${i}` }, values }),
  );
  return Response.json({ status: "success", data: { resultType: "matrix", result } });
}

Deno.test("a day of a server's past is read in pieces that it answers, and is history", () =>
  withFolder(async (dataDir) => {
    const series = 20;
    await using targets = new Targets({
      "/prefix/api/v1/query_range": (request) => syntheticServer(request, series),
    });
    await using node = await Node.start({ dataDir, flags });
    const client = new SourcesClient(node.url);
    const times = { every: "2s", step: "15s", backfill: "24h" };
    await client.put("day", { type: "prometheus", url: targets.url("/prefix"), match: "wave", ...times });
    const { readTo, failures } = await client.source(
      "day",
      "to be read up to now",
      ({ behindMs }) => behindMs === 0,
    );
    assert.equal(failures, 0);
    assert.ok(targets.asked.get("/prefix/api/v1/query_range")!.length > 2, "in pieces");
    const moments = 24 * 3600 / 15;
    for (const i of [0, series - 1]) {
      const id = seriesId("wave", { i: `${i}` });
      const { count, min, max } = await client.series(id);
      // One may have been due meanwhile.
      assert.ok(count === moments || count === moments + 1, `${count} of ${moments}`);
      assert.deepEqual([min, max], [0, 7]);
      const from = new Date(Date.parse(readTo) - 23 * 3_600_000).toISOString();
      const query = new URLSearchParams({ step: "1h", from, to: readTo });
      const { points } = await client.get(`/series/${encodeURIComponent(id)}/history?${query}`);
      const counts = points.slice(1, -1).map((point: { count: number }) => point.count);
      assert.ok(counts.length >= 21 && counts.every((each: number) => each === 240), JSON.stringify(counts));
    }
    const { late } = await client.get(`/series/${encodeURIComponent(seriesId("wave", { i: "0" }))}`);
    assert.equal(late.count ?? late, 0, "history that is brought in is not late");
  }));

Deno.test("a server's past has minutes and rates of the series that a rule of the same start selects, and of no more", () =>
  withFolder(async (folder) => {
    await using targets = new Targets({ "/api/v1/query_range": (request) => syntheticServer(request, 3) });
    const hours = 6;
    const times = { every: "2s", step: "15s", backfill: `${hours}h` };
    const past = { type: "prometheus", url: targets.url(""), match: "wave", ...times };
    const rule = { match: "wave", do: ["rate", "metadata"], max: 2 };
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ sources: { past }, rules: { waves: rule } }));
    await using node = await Node.start({ dataDir: `${folder}/data`, flags: [...flags, "--config", config] });
    const client = new SourcesClient(node.url);
    const isThere = async () => (await client.get("/sources")).items.length > 0 ? true : null;
    await eventually("the source to be there", deadlineMs, isThere);
    const { readTo } = await client.source("past", "to be read up to now", ({ behindMs }) => behindMs === 0);
    const from = new Date(Date.parse(readTo) - (hours - 1) * 3_600_000).toISOString();
    const path = (i: number, channel: string) =>
      `/series/${encodeURIComponent(seriesId("wave", { i: `${i}` }))}/history?${new URLSearchParams({
        channel,
        step: "1m",
        from,
        to: readTo,
      })}`;
    for (const channel of ["value", "rate"]) {
      for (const i of [0, 1]) {
        const { points } = await client.get(path(i, channel));
        const counts = points.slice(1, -1).map((point: { count: number }) => point.count);
        assert.ok(counts.length >= 60 * (hours - 1) - 2, `${channel} of ${i}: ${counts.length} minutes`);
        assert.ok(counts.every((count: number) => count === 4), JSON.stringify(counts));
      }
    }
    await client.ask("GET", path(2, "value"), undefined, 400);
    const { series, selected } = await client.get("/rules/waves");
    assert.deepEqual([series, selected], [[0, 1].map((i) => seriesId("wave", { i: `${i}` })), 2]);
  }));

/** Reads a Prometheus until there are `more` live values of a series, then stops; how many there are, and should be. */
async function readUntilLive(
  client: SourcesClient,
  { prometheus, spec, id, more }: {
    prometheus: Prometheus;
    spec: { every: string };
    id: string;
    more: number;
  },
) {
  await client.put("past", spec);
  await client.source(
    "past",
    "to be read up to now",
    ({ behindMs, last }) => last !== null && behindMs < 2000,
  );
  const until = (least: number) =>
    eventually(`${least} values`, deadlineMs, async () => {
      const { count } = await client.series(id);
      return count >= least ? count : null;
    });
  await until(await until(4) + more);
  // It goes on where it is when it is told to be read more often again.
  await client.put("past", { ...spec, every: "24h", timeout: "10s" });
  const { readTo, failures } = await client.get("/sources/past");
  assert.equal(failures, 0);
  const toMs = Date.parse(readTo);
  const [range] = await prometheus.queryRange("node_load1", { fromMs: toMs - 300_000, toMs, stepMs: 1000 });
  return { ...await client.series(id), wanted: range!.values.map(([, value]) => value) };
}

Deno.test({
  name: "a real Prometheus of a real node exporter is read from its past on, then live, across a crash",
  ignore: skipUnlessInstalled("The test of sources", ["prometheus", "promtool", nodeExporterProgram]),
  fn: () =>
    withFolder(async (dataDir) => {
      await using exporter = await NodeExporter.start();
      await using prometheus = await Prometheus.start({ target: exporter.address });
      await prometheus.waitFor("count_over_time(node_load1[1m]) >= 4", deadlineMs);
      const labels = { instance: exporter.address, job: "sensorium" };
      const match = ["node_load1", '{__name__=~"node_cpu_.*",mode="idle"}'];
      const times = { every: "1s", step: "1s", backfill: "1m" };
      const spec = {
        type: "prometheus",
        url: prometheus.url,
        match,
        ...times,
        rename: { node_load1: "load" },
      };
      const reading = { prometheus, spec, id: seriesId("load", labels), more: 2 };
      {
        await using node = await Node.start({ dataDir, flags });
        const client = new SourcesClient(node.url);
        await client.put("host", { type: "target", url: exporter.url, every: "1s" });
        const { count, wanted } = await readUntilLive(client, reading);
        assert.ok(count >= wanted.length, `${count} of ${wanted.length}`);
        const { last } = await client.source("host", "to be read", ({ readings }) => readings > 1);
        assert.deepEqual([last.failure, last.refused.broken, last.refused.invalid], [null, 0, 0]);
        const up = await client.series(seriesId("up", { instance: exporter.address, job: "host" }));
        assert.equal(up.max, 1);
        const cpu = seriesId("node_cpu_seconds_total", { ...labels, cpu: "0", mode: "idle" });
        assert.ok((await client.series(cpu)).count >= 4);
      }
      await using node = await Node.start({ dataDir, flags });
      const { count, min, wanted } = await readUntilLive(new SourcesClient(node.url), reading);
      // Each moment once: none is missing, none is there twice. Those that were under way may be there already.
      assert.ok(count >= wanted.length && count <= wanted.length + 2, `${count} of ${wanted.length}`);
      assert.equal(min, Math.min(...wanted));
    }),
});
