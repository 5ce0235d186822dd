/** What Prometheus writes: read, counted, refused. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type RemoteWriteSpec, SourceSpec } from "../../actors/sources/prometheus/source_spec.ts";
import { presentSpec, runFollowing } from "../../actors/sources/remote_write/following.ts";
import { RemoteWriteReceiver, type Written } from "../../actors/sources/remote_write/receiver.ts";
import {
  readWriteRequest,
  unpack,
  WriteRequestError,
  type WriteSink,
} from "../../actors/sources/remote_write/write_request.ts";
import type { Json } from "../../runtime/core/actor.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { answered } from "./http_fake_engine.ts";
import { packed, requestOf, type WrittenSample } from "../services/write_request.ts";

/** NaN with the bits of a stale marker in the place of a double. */
function withStale(request: Uint8Array<ArrayBuffer>, value: number): Uint8Array<ArrayBuffer> {
  const wanted = new Uint8Array(Float64Array.of(value).buffer);
  const at = request.findIndex((_, i) => wanted.every((byte, j) => request[i + j] === byte));
  assert.ok(at > 0);
  new DataView(request.buffer).setBigUint64(at, 0x7ff0000000000002n, true);
  return request;
}

class Taken {
  readonly messages: [string, Json][] = [];
  readonly keys: (string | undefined)[] = [];
  readonly told: string[] = [];
  readonly registry = new Registry();
  readonly receiver: RemoteWriteReceiver;

  constructor(maxSeries = 100) {
    const { messages, keys } = this;
    const engine = {
      batch(key?: string) {
        keys.push(key);
        const mine: [string, Json][] = [];
        return {
          add: (kind: string, id: string, message: Json) => void mine.push([`${kind}/${id}`, message]),
          get size() {
            return mine.length;
          },
          send: () => Promise.resolve(void messages.push(...mine)),
        };
      },
    };
    this.receiver = new RemoteWriteReceiver({
      engine,
      maxSeries,
      registry: this.registry,
      warn: (sentence) => void this.told.push(sentence),
    });
    this.receiver.follow(null);
  }

  /** Resolves when it is durable. */
  async take(body: Uint8Array<ArrayBuffer>): Promise<Written> {
    const written = await this.receiver.accept(body);
    await written.durable;
    return written;
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    const metric = await this.registry.getSingleMetric("sensorium_remote_write_samples_total")!.get();
    const counted = metric.values.filter(({ value }) => value > 0);
    return Object.fromEntries(counted.map(({ labels, value }) => [labels["outcome"], value]));
  }
}

const up = { __name__: "up", job: "a" };

Deno.test("a write request's samples become messages of their series", async () => {
  const taken = new Taken();
  const body = packed(requestOf([
    { labels: up, samples: [[1, 1000], [0, 2000]] },
    { labels: { __name__: "load", host: 'x"y' }, samples: [[-2.5, 1500]] },
  ]));
  await taken.take(body);
  await taken.take(body);
  const once = [
    ['series/up{job="a"}', [1000, 1000, 1]],
    ['series/up{job="a"}', [2000, 2000, 0]],
    ['series/load{host="x\\"y"}', [1500, 1500, -2.5]],
  ];
  assert.deepEqual(taken.messages, [...once, ...once]);
  assert.equal(new Set(taken.keys).size, 1);
  assert.match(taken.keys[0] ?? "", /^rw-[0-9a-f]{64}$/);
  assert.deepEqual(await taken.counts(), { accepted: 6 });
});

Deno.test("stale markers, NaN and what cannot be a series are counted, and the rest is taken", async () => {
  const taken = new Taken();
  const request = requestOf([
    { labels: up, samples: [[1, 1000], [123.456, 2000], [NaN, 3000], [Infinity, 4000], [1, -1], [1, 9e15]] },
    { labels: { job: "nameless" }, samples: [[1, 1]] },
    { labels: { __name__: "long", text: "x".repeat(2000) }, samples: [[1, 1]] },
    { labels: { __name__: "ok" }, samples: [[5, 1]] },
  ]);
  const { samples } = await taken.take(packed(withStale(request, 123.456)));
  assert.equal(samples, 9);
  assert.deepEqual(taken.messages.map(([id]) => id), ['series/up{job="a"}', "series/ok"]);
  assert.deepEqual(await taken.counts(), { accepted: 2, stale: 1, nan: 2, time: 2, labels: 2 });
  assert.match(taken.told[0] ?? "", /is not taken: it has no name, .* \(job="nameless"\)\.$/);
});

Deno.test("a series of too many labels is left out alone, with its reason", async () => {
  const taken = new Taken();
  const long = { __name__: "long", text: "x".repeat(5000) };
  await taken.take(packed(requestOf([
    { labels: up, samples: [[1, 1000]] },
    { labels: long, samples: [[1, 1000], [2, 2000]] },
    { labels: { __name__: "ok" }, samples: [[5, 1000]] },
  ])));
  assert.deepEqual(taken.messages.map(([id]) => id), ['series/up{job="a"}', "series/ok"]);
  assert.deepEqual(await taken.counts(), { accepted: 2, labels: 1 });
  assert.equal(taken.told.length, 1);
  assert.match(
    taken.told[0]!,
    /is not taken: it has 5\d\d\d bytes of labels, and 4096 are the most \(__name__="long",text="x{100,200}\)\.$/,
  );
});

Deno.test("a series that is not taken is told with what is wrong with it", async () => {
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ job: "nameless" }, /: it has no name, the label __name__ \(job=/],
    [{ __name__: "a,b" }, /: the name "a,b" has one of/],
    [{ __name__: "a", "__x": "y" }, /: the label "__x" begins with "__"/],
    [{ __name__: "a", "x\u0001": "y" }, /: the label "x\\u0001" /],
    [{ __name__: "a", x: "y\u0001" }, /: the value of x, .*, has a control character \(/],
    [
      { __name__: "a", x: "y".repeat(2000) },
      /: An id has at most 1024 bytes of UTF-8; this one has 20\d\d \(/,
    ],
  ];
  for (const [labels, expected] of cases) {
    const taken = new Taken();
    await taken.take(packed(requestOf([{ labels, samples: [[1, 1]] }])));
    assert.match(taken.told[0] ?? "", expected);
  }
});

Deno.test("a label's name may be any text, as Prometheus 3 writes them", async () => {
  const taken = new Taken();
  const labels = { __name__: "http.requests", "service-name": "x", plain: "y" };
  await taken.take(packed(requestOf([{ labels, samples: [[1, 1000]] }])));
  assert.deepEqual(taken.messages.map(([id]) => id), ['series/http.requests{plain="y","service-name"="x"}']);
});

Deno.test("series beyond the bound are counted, and those that are known go on", async () => {
  const taken = new Taken(1);
  const other = { __name__: "other" };
  await taken.take(packed(requestOf([
    { labels: up, samples: [[1, 1]] },
    { labels: other, samples: [[1, 1]] },
  ])));
  await taken.take(packed(requestOf([
    { labels: other, samples: [[2, 2]] },
    { labels: up, samples: [[2, 2]] },
  ])));
  assert.deepEqual(taken.messages.map(([id]) => id), ['series/up{job="a"}', 'series/up{job="a"}']);
  assert.deepEqual(await taken.counts(), { "accepted": 2, "too-many-series": 2 });
});

const sink: WriteSink = { series: () => true, sample() {}, histogram() {} };

Deno.test("what is no write request is refused with a WriteRequestError, whatever it is", async () => {
  const html = new TextEncoder().encode("<html>not snappy</html>");
  await assert.rejects(new Taken().receiver.accept(html), WriteRequestError);
  await assert.rejects(new Taken().receiver.accept(packed(html)), WriteRequestError);
  const request = requestOf([{ labels: up, samples: [[1, 1000], [2, 2000]] }]);
  const orRefused = (work: () => void) => {
    try {
      work();
    } catch (thrown) {
      assert.ok(thrown instanceof WriteRequestError, String(thrown));
    }
  };
  for (let end = 1; end < request.length; end++) {
    assert.throws(() => readWriteRequest(request.subarray(0, end), sink), WriteRequestError, `cut at ${end}`);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    orRefused(() => readWriteRequest(bytes, sink));
    orRefused(() => unpack(bytes));
  }));
});

Deno.test("any request is read as it was written", () => {
  const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string({ minLength: 1, maxLength: 9 }), {
    maxKeys: 4,
  });
  const sample = fc.tuple(fc.double({ noNaN: true }), fc.integer({ min: -1e12, max: 1e13 }));
  const series = fc.record({ labels, samples: fc.array(sample, { minLength: 1, maxLength: 4 }) });
  fc.assert(fc.property(fc.array(series, { maxLength: 5 }), (all) => {
    const found: WrittenSample[] = [];
    const into: WriteSink = { ...sink, sample: (_kind, value, timeMs) => void found.push([value, timeMs]) };
    readWriteRequest(requestOf(all), into);
    assert.deepEqual(found, all.flatMap(({ samples }) => samples.map(([value, timeMs]) => [value, timeMs])));
  }));
});

function takes(more: Readonly<Record<string, Json>>): RemoteWriteSpec {
  const spec = SourceSpec.parse({ type: "remote-write", ...more });
  assert.ok(spec.type === "remote-write");
  return spec;
}

const load = { __name__: "load", job: "a", host: "h" };
const both = packed(
  requestOf([{ labels: up, samples: [[1, 1]] }, { labels: load, samples: [[2, 2], [3, 3]] }]),
);

const selections: readonly (readonly [
  what: string,
  spec: Readonly<Record<string, Json>>,
  ids: readonly string[],
  counts: Readonly<Record<string, number>>,
])[] = [
  ["nothing", {}, ['up{job="a"}', 'load{host="h",job="a"}', 'load{host="h",job="a"}'], { accepted: 3 }],
  ["match", { match: "up" }, ['up{job="a"}'], { accepted: 1, unmatched: 1 }],
  ["a list", { match: ["x", '{host="h"}'] }, Array(2).fill('load{host="h",job="a"}'), {
    accepted: 2,
    unmatched: 1,
  }],
  ["labels that it matches", { match: '{exported_job="a",job="z",__name__="up"}', labels: { job: "z" } }, [
    'up{exported_job="a",job="z"}',
  ], { accepted: 1, unmatched: 1 }],
  ["rename behind match", { match: "up", rename: { up: "is_up" } }, ['is_up{job="a"}'], {
    accepted: 1,
    unmatched: 1,
  }],
  ["a new name that cannot be matched", { match: "is_up", rename: { up: "is_up" } }, [], { unmatched: 2 }],
];

for (const [what, spec, ids, counts] of selections) {
  Deno.test(`a receiver that is told ${what} takes that, and says nothing of the rest`, async () => {
    const taken = new Taken();
    taken.receiver.follow(takes(spec));
    await taken.take(both);
    assert.deepEqual(taken.messages.map(([id]) => id), ids.map((id) => `series/${id}`));
    assert.deepEqual(await taken.counts(), counts);
    assert.deepEqual(taken.receiver.received, { series: new Set(ids).size, samples: counts });
    assert.deepEqual(taken.told, []);
  });
}

Deno.test("of the spec's max and the program's bound the lesser holds, and is told", async () => {
  for (
    const [max, bound, name] of [[1, 100, "the 1 of max"], [100, 1, "--remote-write-max-series"]] as const
  ) {
    const taken = new Taken(bound);
    taken.receiver.follow(takes({ max }));
    await taken.take(both);
    assert.deepEqual(await taken.counts(), { "accepted": 1, "too-many-series": 1 });
    assert.match(taken.told[0] ?? "", new RegExp(`as many series are written as ${name}.* admits \\(`));
  }
});

Deno.test("what no selector takes has no place of those that are", async () => {
  const taken = new Taken(1);
  taken.receiver.follow(takes({ match: "load" }));
  await taken.take(both);
  assert.deepEqual(await taken.counts(), { accepted: 2, unmatched: 1 });
});

Deno.test("a receiver that follows another spec forgets what it knew and refused; the same again changes nothing", async () => {
  const taken = new Taken();
  const spec = takes({ match: "up", max: 1 });
  taken.receiver.follow(spec);
  await taken.take(both);
  taken.receiver.follow({ ...spec });
  assert.deepEqual(taken.receiver.received, { series: 1, samples: { accepted: 1, unmatched: 1 } });
  taken.receiver.follow(takes({ match: "load", max: 1 }));
  assert.deepEqual(taken.receiver.received, { series: 0, samples: {} });
  await taken.take(both);
  taken.receiver.follow(null);
  await taken.take(both);
  assert.deepEqual(
    taken.messages.map(([id]) => id.replace(/\{.*/, "")),
    ["up", "load", "load", "up", "load", "load"].map((name) => `series/${name}`),
  );
});

/** The actor's answers, in order, each to one question; then there is an end. */
async function followed(answers: readonly (Json | "silent")[], ofFile?: SourceSpec) {
  const specs: (RemoteWriteSpec | null)[] = [];
  const [told, asked]: [string[], string[]] = [[], []];
  const stopped = new AbortController();
  const left = [...answers];
  await runFollowing({
    engine: {
      ask: ({ kind, id }, _query, _args, { consistency }) => {
        asked.push(`${kind}/${id} ${consistency}`);
        const next = left.shift()!;
        if (left.length === 0) stopped.abort();
        if (next === "silent") return Promise.reject(new Error("Nobody is there"));
        return Promise.resolve(next === null ? { type: "absent", ageMs: 0 } : answered(next));
      },
    },
    receiver: { follow: (spec) => void specs.push(spec) },
    ofFile,
    signal: stopped.signal,
    warn: (sentence) => void told.push(sentence),
    info: (sentence) => void told.push(sentence),
  });
  return { specs, told, asked };
}

Deno.test("runFollowing() has the receiver take what the actor keeps, and keeps to it while that is silent", async () => {
  const spec = takes({ match: "up" });
  const { specs, told, asked } = await followed([null, "silent", { spec, origin: "http" }]);
  assert.deepEqual(specs, [null, spec]);
  assert.match(
    told[0]!,
    /^Cannot learn what is to be taken of remote write: Nobody is there\. Trying again\.$/,
  );
  assert.equal(told.length, 2);
  const of = "source/remote-write";
  assert.deepEqual(asked, [`${of} strict`, `${of} local`, `${of} local`]);
});

Deno.test("what the configuration file says holds before the actor has heard of it; a target of that name says nothing", () => {
  const [mine, other] = [takes({ match: "up" }), takes({ match: "load" })];
  const target = SourceSpec.parse({ type: "target", url: "http://h/" });
  assert.deepEqual(presentSpec({ spec: null, origin: null }, mine), mine);
  assert.deepEqual(presentSpec({ spec: other, origin: "http" }, mine), mine);
  assert.deepEqual(presentSpec({ spec: other, origin: "file" }, mine), other);
  assert.deepEqual(presentSpec({ spec: target, origin: "http" }, undefined), null);
});
