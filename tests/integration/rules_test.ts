/** Rules and analyses on a node as its user starts it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { Node, runStart } from "../services/node.ts";

const minuteMs = 60_000;
const series = 'wave{host="a"}';
const path = `/series/${encodeURIComponent(series)}`;
const quick = { look: "1s", values: "10s", metadata: "10s", forecast: "10s" };
const rule = {
  match: '{__name__="wave"}',
  do: ["values", "metadata", "forecast", "anomalies"],
  every: quick,
};
const deadlineMs = 30_000;

class Client {
  constructor(readonly url: string) {}

  async get(path: string, status = 200) {
    return await this.ask("GET", path, undefined, status);
  }

  /** Its lines. */
  async csv(path: string): Promise<readonly string[]> {
    const response = await fetch(this.url + path, { headers: { accept: "text/csv" } });
    assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
    return (await response.text()).trimEnd().split("\r\n");
  }

  async ask(method: string, path: string, body: unknown, status: number) {
    const response = await fetch(this.url + path, {
      method,
      headers: { "content-type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const text = await response.text();
    assert.equal(response.status, status, text);
    return text === "" ? null : JSON.parse(text);
  }
}

const flags = ["--no-host-metrics", "--shards", "2"];

/** Four hours of a season of half an hour, a value a minute, up to now. */
function wave(nowMs: number) {
  const firstMs = Math.floor(nowMs / minuteMs) * minuteMs - 239 * minuteMs;
  return Array.from({ length: 240 }, (_, i) => ({
    id: series,
    ts: firstMs + i * minuteMs,
    value: 100 + 10 * Math.sin(2 * Math.PI * i / 30) + (i * 7919 % 13) / 13,
  }));
}

/** What analyses found is in the tables, and answered as their users know it. */
async function assertStored(client: Client): Promise<void> {
  const stored = (path: string) =>
    eventually(`an item of ${path}`, deadlineMs, async () => (await client.get(path)).items[0] ?? null);
  const prediction = await stored("/prediction_of_metric_values");
  assert.deepEqual([prediction.series, prediction.forecast.path.length], [series, 10]);
  const values = await stored("/max_min_avg_std_metric?window=12h");
  assert.deepEqual([values.series, values.span], [series, "12h"]);
  const metadata = await stored(
    `/autocorrelation_stationarity_seasonality_metadata?series=${encodeURIComponent(series)}`,
  );
  assert.equal(metadata.metadata.verdict, metadata.verdict);
  const metrics = await client.get(`/all_metrics?match=${encodeURIComponent('{__name__=~"w.*"}')}`);
  assert.deepEqual(metrics.items, [{ series, name: "wave", labels: { host: "a" } }]);
  const response = await fetch(`${client.url}${path}/values?window=1h`, { headers: { accept: "text/csv" } });
  assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
  const [header, line] = (await response.text()).split("\r\n");
  assert.equal(header, "series,at,span,from_ms,to_ms,count,max,min,avg,std");
  assert.match(line ?? "", /^"wave\{host=""a""\}",\d+,1h,/);
}

/** A forecast as lines; it begins now, so that of the next minute is another one. */
async function assertSameAsLines(client: Client): Promise<void> {
  const { forecast, lines, first } = await eventually("both of one minute", deadlineMs, async () => {
    const { forecast } = await client.get(`${path}/forecast?horizon=30m`);
    const lines = await client.csv(`${path}/forecast?horizon=30m`);
    const first = lines[1]!.split(",").map(Number);
    return first[0] === forecast.startMs ? { forecast, lines, first } : null;
  });
  assert.deepEqual([lines.length, lines[0]], [31, "ts,value,lower80,upper80,lower95,upper95"]);
  assert.equal(first[1], forecast.path[0]);
}

/** What became of the methods that competed. */
async function assertCounted(node: Node): Promise<void> {
  const text = await (await fetch(`${node.adminUrl}/metrics`)).text();
  const totals = text.matchAll(/^sensorium_forecast_fits_total\{method="[^"]+",outcome="chosen"\} (\d+)$/gm);
  const chosen = [...totals].reduce((sum, [, total]) => sum + Number(total), 0);
  assert.ok(chosen >= 3, `${chosen} methods were chosen, in three fits at least`);
}

Deno.test("a rule's series has metadata, forecasts, values and a score, and keeps them over a restart", () =>
  withFolder(async (dataDir) => {
    {
      await using node = await Node.start({ dataDir, flags });
      const client = new Client(node.url);
      await client.ask("PUT", "/rules/waves", { ...rule, max: 1 }, 201);
      await client.ask("PUT", "/rules/waves", rule, 200);
      await client.ask("POST", "/series", { id: series, value: 100 }, 202);
      await eventually("the rule to select the series", deadlineMs, async () => {
        const { selected } = await client.get("/rules/waves");
        return selected === 1 ? true : null;
      });
      await client.ask("POST", "/series?import=1", wave(Date.now()), 202);
      const analysis = await eventually("metadata, a forecast and values", deadlineMs, async () => {
        const found = await client.get(`${path}/analysis`);
        const all = [found.metadata.found?.verdict, found.forecast.found, found.values.found];
        return all.every(Boolean) && found.metadata.found.gaps.steps > 200 ? found : null;
      });
      assert.match(analysis.metadata.found.verdict, /season of 30 samples, strength (0\.9\d|1\.00)/);
      assert.equal(analysis.forecast.found.path.length, 10);
      assert.deepEqual(Object.keys(analysis.values.found), ["1h", "3h", "12h"]);
      const { forecast, missing, judgements } = await client.get(`${path}/forecast?horizon=30m`);
      assert.equal(missing, null);
      assert.deepEqual([forecast.path.length, forecast.testedSteps, judgements], [30, 30, []]);
      assert.ok(forecast.fittedAtMs > analysis.forecast.atMs, "it is fitted for that horizon");
      const day = await client.get(`${path}/forecast?horizon=3h`);
      assert.deepEqual([day.forecast.path.length, day.forecast.mase, day.forecast.coverage80], [
        180,
        null,
        null,
      ]);
      await assertCounted(node);
      const { anomalies } = await client.get(`${path}/anomalies`);
      assert.equal(anomalies.last.missing, 0);
      await assertSameAsLines(client);
      assert.equal((await client.csv(`${path}/anomalies`))[0], "ts,value,score,why,expected");
      const history = await client.get(`${path}/history?step=1m`);
      assert.equal(history.points.length, 240);
      await assertStored(client);
    }
    await using node = await Node.start({ dataDir, flags });
    const client = new Client(node.url);
    assert.deepEqual((await client.get("/rules/waves")).series, [series]);
    assert.match((await client.get(`${path}/analysis`)).metadata.found.verdict, /season of 30/);
    await client.ask("DELETE", "/rules/waves", undefined, 204);
    await client.ask("DELETE", "/rules/waves", undefined, 404);
    await client.get("/rules/waves", 404);
    await eventually("the series to be left alone", deadlineMs, async () => {
      const { rules } = await client.get(path);
      return Object.keys(rules).length === 0 ? true : null;
    });
    assert.equal((await client.get(`${path}/anomalies`)).anomalies, null);
  }));

/** Two hours of a counter that grows by about 100 a second, a value a minute, up to now. */
function counter(nowMs: number) {
  const firstMs = Math.floor(nowMs / minuteMs) * minuteMs - 119 * minuteMs;
  let value = 10_000_000;
  return Array.from({ length: 120 }, (_, i) => ({
    id: series,
    ts: firstMs + i * minuteMs,
    value: value += 60 * (100 + 10 * Math.sin(2 * Math.PI * i / 30)),
  }));
}

/** What was found last, of a counter's rate or of its values, once all of it is of that channel. */
function analysedBy(client: Client, channel: "rate" | "value") {
  const isOfIt = (mean: number | null | undefined) =>
    typeof mean === "number" && (channel === "rate" ? mean > 50 && mean < 150 : mean > 1e7);
  return eventually(`metadata, a forecast and values of the ${channel}`, deadlineMs, async () => {
    const found = await client.get(`${path}/analysis`);
    const { values, metadata, forecast } = found;
    const isAll = isOfIt(values.found?.["1h"].avg) && metadata.found !== null &&
      forecast.found?.channel === channel && isOfIt(forecast.found.path[0]);
    return isAll ? found : null;
  });
}

Deno.test("while a rule wants its rate a series is analysed by that, and by its values again afterwards", () =>
  withFolder(async (folder) => {
    const times = join(folder, "times");
    await using node = await Node.start({
      dataDir: join(folder, "data"),
      flags: [...flags, "--time-logs", times],
    });
    const client = new Client(node.url);
    await client.ask("PUT", "/rules/rates", { match: rule.match, do: ["rate"], every: { look: "1s" } }, 201);
    await client.ask("PUT", "/rules/waves", rule, 201);
    await client.ask("POST", "/series", { id: series, value: 1 }, 202);
    await eventually("both rules to select the series", deadlineMs, async () => {
      const { rules } = await client.get(path);
      return "rates" in rules && "analysis/minutes" in rules ? true : null;
    });
    await client.ask("POST", "/series?import=1", counter(Date.now()), 202);
    await analysedBy(client, "rate");
    const ahead = await client.get(`${path}/forecast?horizon=20m`);
    assert.deepEqual([ahead.forecast.channel, ahead.forecast.path.length], ["rate", 20]);
    assert.ok(ahead.forecast.path[0] < 150, "it is the rate that is forecast");
    assert.match((await client.get(`${path}/history?step=1m`, 400)).detail, /channels are value, rate/);
    await client.ask("DELETE", "/rules/rates", undefined, 204);
    const { forecast } = await analysedBy(client, "value");
    assert.equal(forecast.failure, null);
    assert.equal((await client.get(`${path}/forecast?horizon=20m`)).forecast.channel, "value");
    await assertTimed(node, times);
  }));

/** How long analyses took is in `/metrics`, and in the files of `--time-logs`. */
async function assertTimed(node: Node, folder: string): Promise<void> {
  const text = await (await fetch(`${node.adminUrl}/metrics`)).text();
  const files = { values: "time_value.log", metadata: "time_metadata.log", forecast: "time_predict.log" };
  for (const [task, file] of Object.entries(files)) {
    const count = new RegExp(`^sensorium_analysis_seconds_count\\{task="${task}"\\} [1-9]`, "m");
    assert.match(text, count);
    const lines = await eventually(
      `lines in ${file}`,
      deadlineMs,
      () => Deno.readTextFile(join(folder, file)).catch(() => null),
    );
    assert.match(lines, /^\d{4}-.*Z [\d.]+ ms wave\{host="a"\}\n/);
  }
}

Deno.test("a forecast of a series of three points says what is missing, one of a year is refused", () =>
  withFolder(async (dataDir) => {
    await using node = await Node.start({ dataDir, flags });
    const client = new Client(node.url);
    await client.ask("POST", "/series", [1, 2, 3].map((value) => ({ id: series, value })), 202);
    const { forecast, missing } = await client.get(`${path}/forecast`);
    assert.equal(forecast, null);
    assert.match(
      missing,
      /^Not enough information because it has (no values yet|1 points, and 30 are needed)/,
    );
    const response = await fetch(node.url + `${path}/forecast`, { headers: { accept: "text/csv" } });
    assert.equal(await response.text(), "ts,value,lower80,upper80,lower95,upper95\r\n");
    assert.match(response.headers.get("x-missing") ?? "", /^Not enough information because it has /);
    const { detail } = await client.get(`${path}/forecast?horizon=365d`, 400);
    assert.match(detail, /from 1m to 24h is right/);
    await client.get("/series/none/forecast", 404);
  }));

Deno.test("the configuration file's rules hold from every start on, and are not changed over HTTP", () =>
  withFolder(async (folder) => {
    const config = join(folder, "config.json");
    const dataDir = join(folder, "data");
    const withConfig = [...flags, "--config", config];
    await Deno.writeTextFile(config, JSON.stringify({ rules: { waves: rule } }));
    const untilRule = (client: Client, status: number) =>
      eventually(`/rules/waves to be ${status}`, deadlineMs, async () => {
        const response = await fetch(`${client.url}/rules/waves`);
        await response.body?.cancel();
        return response.status === status ? true : null;
      });
    {
      await using node = await Node.start({ dataDir, flags: withConfig });
      const client = new Client(node.url);
      await untilRule(client, 200);
      const { detail } = await client.ask("PUT", "/rules/waves", { ...rule, max: 1 }, 409);
      assert.match(detail, /is of the configuration file/);
      const { items } = await client.get("/rules");
      assert.deepEqual(items.map(({ name, origin }: Record<string, string>) => [name, origin]), [
        ["waves", "file"],
      ]);
      await client.ask("PUT", "/rules/mine", { ...rule, do: [] }, 400);
      await client.ask("PUT", "/rules/__proto__", rule, 400);
    }
    await Deno.writeTextFile(config, "{}");
    await using node = await Node.start({ dataDir, flags: withConfig });
    const client = new Client(node.url);
    await untilRule(client, 404);
    assert.deepEqual((await client.get("/rules")).items, []);
  }));

Deno.test("start refuses a configuration that is wrong, with one sentence", () =>
  withFolder(async (folder) => {
    const config = join(folder, "config.json");
    const refused = async (sentence: RegExp) => {
      const { code, errors } = await runStart([
        "cluster",
        "--data",
        join(folder, "data"),
        "--config",
        config,
      ]);
      assert.equal(code, 2, errors);
      assert.match(errors, sentence);
      assert.equal(errors.trim().split("\n").length, 1, errors);
    };
    await refused(/config\.json cannot be read: there is no such file/);
    await Deno.writeTextFile(config, '{"rules": {"a": {"match": "{"}}}');
    await refused(/in .*config\.json, rules\.a\.match: /);
  }));

Deno.test("with nothing configured, five of the machine's own series are analysed, until that is removed", () =>
  withFolder(async (dataDir) => {
    {
      await using node = await Node.start({ dataDir });
      const client = new Client(node.url);
      const { series, beyond } = await eventually("five series", deadlineMs, async () => {
        const found = await client.get("/rules/default-forecasts").catch(() => null);
        return found?.selected === 5 ? found : null;
      });
      assert.deepEqual([series, beyond], [[
        "host_cpu_percent",
        'host_disk_used_percent{path="/"}',
        'host_load{period="1m"}',
        "host_memory_available_bytes",
        "host_memory_used_percent",
      ], 0]);
      await client.ask("DELETE", "/rules/default-forecasts", undefined, 204);
    }
    await using node = await Node.start({ dataDir });
    const client = new Client(node.url);
    await client.ask("PUT", "/rules/mine", rule, 201);
    assert.deepEqual((await client.get("/rules")).items.map(({ name }: Record<string, string>) => name), [
      "mine",
    ]);
  }));
