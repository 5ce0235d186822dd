/** A real Prometheus that writes to a node. */

import assert from "node:assert/strict";
import { z } from "zod";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";
import { Prometheus } from "../services/prometheus.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { packed, requestOf } from "../services/write_request.ts";

const ignore = skipUnlessInstalled("Remote write", ["prometheus"]);
const token = "correct-horse";
const metric = "scrape_duration_seconds";
const deadlineMs = 30_000;
const wantedSamples = 4;

const Trace = z.object({ messages: z.array(z.object({ message: z.string() })) });
const Message = z.tuple([z.number(), z.number(), z.number()]);
const Matrix = z.object({
  data: z.object({ result: z.array(z.object({ values: z.array(z.tuple([z.number(), z.string()])) })) }),
});

async function withNode(
  use: (node: Node) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-write-" });
  try {
    await using node = await Node.start({
      dataDir,
      flags: ["--token", token, "--no-host-metrics", "--shards", "2", ...flags],
    });
    await use(node);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** By time. */
async function samplesOf(prometheus: Prometheus): Promise<ReadonlyMap<number, number>> {
  const response = await fetch(`${prometheus.url}/api/v1/query?query=${metric}[10m]`);
  const { data } = Matrix.parse(await response.json());
  return new Map(
    data.result.flatMap(({ values }) =>
      values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)] as const)
    ),
  );
}

Deno.test({
  name: "what a real Prometheus writes is what it answers itself, to the last bit",
  ignore,
  fn: () =>
    withNode(async (node) => {
      const target = new URL(node.adminUrl).host;
      await using prometheus = await Prometheus.start({
        target,
        token,
        remoteWriteUrl: `${node.url}/api/v1/write`,
      });
      const id = encodeURIComponent(`${metric}{instance="${target}",job="sensorium"}`);
      const headers = { authorization: `Bearer ${token}` };
      const written = await eventually(`${wantedSamples} samples of ${metric}`, deadlineMs, async () => {
        const response = await fetch(`${node.url}/actors/series/${id}/trace?limit=32`, { headers });
        const answer = await response.json();
        if (!response.ok) return null;
        const { messages } = Trace.parse(answer);
        return messages.length >= wantedSamples ? messages : null;
      });
      const own = await samplesOf(prometheus);
      for (const { message } of written) {
        const [timeMs, , value] = Message.parse(JSON.parse(message));
        assert.equal(value, own.get(timeMs), `at ${timeMs}`);
      }
      const metrics = await (await fetch(`${node.adminUrl}/metrics`, { headers })).text();
      const accepted = /^sensorium_remote_write_samples_total\{outcome="accepted"\} (\d+)$/m.exec(metrics)
        ?.[1];
      assert.ok(Number(accepted) > wantedSamples * 50, `${accepted} samples accepted`);
      assert.match(metrics, /^sensorium_remote_write_samples_total\{outcome="labels"\} 0$/m);
    }),
});

async function write(node: Node, body: Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await fetch(`${node.url}/api/v1/write`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/x-protobuf",
      "content-encoding": "snappy",
    },
    body,
  });
  assert.equal(await response.text(), "");
  assert.equal(response.status, 204);
}

async function stateOf(node: Node, id: string) {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${node.url}/series/${encodeURIComponent(id)}`, { headers });
  return await response.json();
}

Deno.test("samples that are written again in another request, or out of order, are counted and left out", () =>
  withNode(async (node) => {
    const nowMs = Date.now();
    const written = (samples: readonly (readonly [number, number])[]) =>
      write(
        node,
        packed(requestOf([{
          labels: { __name__: "up" },
          samples: samples.map(([value, agoMs]) => [value, nowMs - agoMs]),
        }])),
      );
    await written([[1, 3000], [2, 2000]]);
    await written([[1, 9000], [5, 3000], [2, 2000], [4, 1000]]);
    const { channels, duplicates, tooOld } = await stateOf(node, "up");
    assert.deepEqual(channels.value.total, { count: 3, sum: 7 });
    assert.deepEqual([duplicates, tooOld.count], [1, 2]);
    assert.deepEqual(tooOld.recent.map(({ ts }: { ts: number }) => nowMs - ts), [9000, 3000]);
    const headers = { authorization: `Bearer ${token}` };
    const metrics = await (await fetch(`${node.adminUrl}/metrics`, { headers })).text();
    assert.match(metrics, /^sensorium_series_too_old_total 2$/m);
    assert.match(metrics, /^sensorium_series_duplicates_total 1$/m);
  }));

async function sourceAnswer(node: Node, method: string, body?: unknown) {
  const response = await fetch(`${node.url}/sources/remote-write`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...body !== undefined && { body: JSON.stringify(body) },
  });
  const text = await response.text();
  return [response.status, text === "" ? null : JSON.parse(text)] as const;
}

async function isSeries(node: Node, id: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${node.url}/series/${encodeURIComponent(id)}`, { headers });
  await response.body?.cancel();
  return response.ok;
}

/** Writes until it is taken under such an id, as a change holds a second later: each time series of their own. */
async function writtenUntil(node: Node, idOf: (run: string) => string) {
  let run = 0;
  return await eventually("what is written to be taken as configured", deadlineMs, async () => {
    const name = `${run++}`;
    const written = ["up", "noise"].map((metric) => ({
      labels: { __name__: metric, run: name },
      samples: [[1, Date.now()] as const],
    }));
    await write(node, packed(requestOf(written)));
    return await isSeries(node, idOf(name)) ? name : null;
  });
}

const selecting = {
  type: "remote-write",
  match: "up",
  labels: { site: "x" },
  rename: { up: "is_up" },
  max: 1000,
};

Deno.test("what is taken of remote write is configured at run time: selected, labelled, renamed; then all again", () =>
  withNode(async (node) => {
    assert.equal((await sourceAnswer(node, "GET"))[0], 404);
    await writtenUntil(node, (run) => `up{run="${run}"}`);
    assert.equal((await sourceAnswer(node, "PUT", selecting))[0], 201);
    const run = await writtenUntil(node, (run) => `is_up{run="${run}",site="x"}`);
    assert.ok(!await isSeries(node, `noise{run="${run}"}`));
    assert.ok(!await isSeries(node, `up{run="${run}"}`));
    const [status, { spec, origin, isUp, received }] = await sourceAnswer(node, "GET");
    assert.deepEqual([status, spec, origin, isUp], [200, selecting, "http", null]);
    assert.deepEqual(received, { series: 1, samples: { accepted: 1, unmatched: 1 } });
    const headers = { authorization: `Bearer ${token}` };
    const metrics = await (await fetch(`${node.adminUrl}/metrics`, { headers })).text();
    assert.match(metrics, /^sensorium_remote_write_samples_total\{outcome="unmatched"\} 1$/m);
    assert.equal((await sourceAnswer(node, "PUT", { ...selecting, max: 1 }))[0], 200);
    const refused = await eventually("a series to be beyond max", deadlineMs, async () => {
      const labels = { __name__: "up", run: crypto.randomUUID() };
      await write(node, packed(requestOf([{ labels, samples: [[1, Date.now()]] }])));
      return (await sourceAnswer(node, "GET"))[1].received.samples["too-many-series"] ?? null;
    });
    assert.equal(refused, 1);
    assert.equal((await sourceAnswer(node, "DELETE"))[0], 204);
    assert.equal((await sourceAnswer(node, "GET"))[0], 404);
    const after = await writtenUntil(node, (run) => `up{run="${run}"}`);
    assert.ok(await isSeries(node, `noise{run="${after}"}`));
  }));

Deno.test("what the configuration file says of remote write holds for the first request", async () => {
  const config = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(config, JSON.stringify({ sources: { "remote-write": selecting } }));
    await withNode(async (node) => {
      const samples = [[1, Date.now()] as const];
      await write(
        node,
        packed(requestOf([
          { labels: { __name__: "up" }, samples },
          { labels: { __name__: "noise" }, samples },
        ])),
      );
      assert.ok(await isSeries(node, 'is_up{site="x"}'));
      assert.ok(!await isSeries(node, "noise"));
      const origin = await eventually("the source to be there", deadlineMs, async () => {
        const [status, state] = await sourceAnswer(node, "GET");
        return status === 200 ? state.origin : null;
      });
      assert.equal(origin, "file");
      assert.equal((await sourceAnswer(node, "DELETE"))[0], 409);
    }, ["--config", config]);
  } finally {
    await Deno.remove(config);
  }
});

Deno.test("a request that is written again counts once", () =>
  withNode(async (node) => {
    const timeMs = Date.now() - 1000;
    const body = packed(requestOf([
      { labels: { __name__: "up", job: "a" }, samples: [[1, timeMs]] },
      { labels: { __name__: "load", job: "a" }, samples: [[2, timeMs], [4, timeMs + 1]] },
    ]));
    for (let attempt = 0; attempt < 3; attempt++) await write(node, body);
    for (const [name, count, sum] of [["up", 1, 1], ["load", 2, 6]] as const) {
      const { channels } = await stateOf(node, `${name}{job="a"}`);
      assert.deepEqual(channels.value.total, { count, sum });
    }
  }));

Deno.test(
  "remote write of garbage is refused with 400, of another protocol with 415, without the token with 401",
  () =>
    withNode(async (node) => {
      const send = async (headers: Record<string, string>, body: string) => {
        const url = `${node.url}/api/v1/write`;
        const response = await fetch(url, { method: "POST", headers, body });
        return [response.status, (await response.json()).detail] as const;
      };
      const authorization = `Bearer ${token}`;
      const form = { authorization, "content-type": "application/x-protobuf" };
      const [garbage, sentence] = await send(form, "<html>not snappy</html>");
      assert.equal(garbage, 400);
      assert.match(sentence, /^The body is not a block of snappy: /);
      const v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
      assert.equal((await send({ authorization, "content-type": v2 }, "x"))[0], 415);
      assert.equal((await send({}, "x"))[0], 401);
    }),
);
