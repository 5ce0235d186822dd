/** What the HTTP edge, the engine and the actors do together, on a node as its user starts it. */

import assert from "node:assert/strict";
import { maxReplays } from "../../runtime/node/limits.ts";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A node of its own for one test. */
async function withNode(test: (client: Client) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-http-" });
  try {
    await using node = await Node.start({ dataDir, flags: ["--no-host-metrics", "--shards", "2"] });
    await test(new Client(node.url));
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

interface Letter {
  readonly id: string;
  readonly kind: string;
  readonly actorId: string;
  readonly reason: string;
  readonly message: string;
  readonly replays: number;
}

class Client {
  constructor(readonly url: string) {}

  async get(path: string, status = 200) {
    const response = await fetch(this.url + path);
    const answer = await response.json();
    assert.equal(response.status, status, JSON.stringify(answer));
    return answer;
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}, status = 202) {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    assert.equal(response.status, status, JSON.stringify(answer));
    return answer;
  }

  replay(id: string, status = 202) {
    return this.post(`/dead-letters/${id}/replay`, {}, {}, status);
  }

  /** The actor's dead letter; a keyed reading that is too far ahead becomes one. */
  async letterOf(actorId: string): Promise<Letter> {
    const { items }: { items: Letter[] } = await this.get(`/dead-letters?actorId=${actorId}`);
    assert.equal(items.length, 1, JSON.stringify(items));
    return items[0]!;
  }

  async count(sensor: string): Promise<number> {
    const { total } = await this.get(`/sensors/${sensor}/windows`);
    return total.t?.count ?? 0;
  }
}

Deno.test("A dead letter is listed, inspected and replayed over HTTP, up to the cap", () =>
  withNode(async (client) => {
    const ahead = { id: "ahead", ts: Date.now() + hourMs, values: { t: 1 } };
    await client.post("/readings", ahead, { "idempotency-key": "k" });
    const letter = await client.letterOf("ahead");
    assert.equal(letter.kind, "sensor");
    assert.equal(letter.reason, "too-far-ahead");
    assert.deepEqual(JSON.parse(letter.message), [ahead.ts, null, 0, "t", 1]);
    assert.deepEqual(await client.get(`/dead-letters/${letter.id}`), letter);
    assert.deepEqual((await client.get("/dead-letters?actorId=ahead&reason=threw")).items, []);

    for (let replays = 1; replays <= maxReplays; replays++) {
      assert.deepEqual(await client.replay(letter.id), { replays });
      // It dies again: the strict list waits for that.
      await client.get("/dead-letters");
    }
    const { type, replays } = await client.replay(letter.id, 409);
    assert.equal(type, "/docs#problem-replays-used-up");
    assert.equal(replays, maxReplays);
    assert.equal(await client.count("ahead"), 0);
  }));

Deno.test("A dead letter whose cause has gone counts once, however often it is replayed", () =>
  withNode(async (client) => {
    const acceptableMs = Date.now() + 1000;
    const soon = { id: "soon", ts: acceptableMs + 5 * minuteMs, values: { t: 1 } };
    await client.post("/readings", soon, { "idempotency-key": "k" });
    const letter = await client.letterOf("soon");
    const isTime = () => Promise.resolve(Date.now() > acceptableMs ? true : null);
    await eventually("the time at which the reading is acceptable", 10_000, isTime);
    await client.replay(letter.id);
    assert.equal(await client.count("soon"), 1);
    await client.get("/dead-letters");
    const { type } = await client.replay(letter.id, 409);
    assert.equal(type, "/docs#problem-already-replayed");
    assert.equal(await client.count("soon"), 1);
  }));

Deno.test("A keyed body with a reading that is too far ahead counts once when it is repeated later", () =>
  withNode(async (client) => {
    // A second more than the 5 minutes that a reading may be ahead and the 10 that a key is remembered.
    const acceptableMs = Date.now() + 1000;
    const body = [
      { id: "soon", ts: acceptableMs + 15 * minuteMs, values: { t: 1 } },
      { id: "now", values: { t: 1 } },
    ];
    const post = () => client.post("/readings", body, { "idempotency-key": "k" });
    const first = await post();
    const isTime = () => Promise.resolve(Date.now() > acceptableMs ? true : null);
    await eventually("the time at which the reading is nearer", 10_000, isTime);
    assert.deepEqual(await post(), first);
    assert.equal(await client.count("now"), 1);
    await client.letterOf("soon");
  }));

Deno.test("Readings count by their own time: late ones, those older than the ring, imports, those far ahead", () =>
  withNode(async (client) => {
    const nowMs = Date.now();
    const reading = (ageMs: number) => ({ id: "s", ts: nowMs - ageMs, values: { t: 20 } });
    const windows = async () => {
      const { total, channels: { t } } = await client.get("/sensors/s/windows");
      return [total.t.count, t["1h"].count, t["3h"].count, t["12h"].count];
    };
    const lateCount = async () => (await client.get("/sensors/s")).late.count;

    await client.post("/readings", reading(minuteMs));
    assert.deepEqual(await windows(), [1, 1, 1, 1]);
    await client.post("/readings", reading(2 * hourMs));
    assert.deepEqual(await windows(), [2, 1, 2, 2], "late, inside the ring");
    assert.equal(await lateCount(), 0);
    await client.post("/readings", reading(20 * hourMs));
    assert.deepEqual(await windows(), [3, 1, 2, 2], "older than the ring");
    assert.equal(await lateCount(), 1);
    await client.post("/readings?import=1", reading(21 * hourMs));
    assert.deepEqual(await windows(), [4, 1, 2, 2], "an import");
    assert.equal(await lateCount(), 1);

    const ahead = await client.post("/readings", [reading(-6 * minuteMs), reading(0)]);
    assert.equal(ahead.accepted, 1);
    assert.deepEqual([ahead.rejected[0].index, ahead.rejected[0].code], [0, "too-far-ahead"]);
    assert.deepEqual(await windows(), [5, 2, 3, 3]);

    const { points } = await client.get("/sensors/s/history?step=1h");
    const counts: number[] = points.map(({ count }: { count: number }) => count);
    assert.equal(counts.reduce((sum, count) => sum + count), 5, "history has all of them");
    const { detail } = await client.get("/sensors/s/history?channel=u", 404);
    assert.match(detail, /no channel "u"; its channels are: t\./);
  }));

Deno.test("The host's own metrics have history by the minute, other series by five minutes", () =>
  withNode(async (client) => {
    const nowMs = Math.floor(Date.now() / minuteMs) * minuteMs;
    const ages = [0, 1, 59, 60, 61, 62, 180, 181, 1000, 61, 0];
    const samples = (id: string) => ages.map((age) => ({ id, ts: nowMs - age * minuteMs, value: age }));
    await client.post("/series?import=1", [...samples("host_load"), ...samples("load")]);
    const { points } = await client.get("/series/host_load/history?step=1m");
    assert.deepEqual(
      points.map(({ start, count }: { start: number; count: number }) => [(nowMs - start) / minuteMs, count]),
      [[1000, 1], [181, 1], [180, 1], [62, 1], [61, 2], [60, 1], [59, 1], [1, 1], [0, 2]],
    );
    const { detail } = await client.get("/series/load/history?step=1m", 400);
    assert.match(detail, /kept for the hosts' own metrics/);
  }));

Deno.test("?consistency=local says how old the answer may be", () =>
  withNode(async (client) => {
    await client.post("/series", { id: "load1", value: 0.5 });
    const strict = await client.get("/series/load1/windows");
    assert.ok(!("ageMs" in strict) && !("consistency" in strict));
    const { consistency, ageMs, total } = await client.get("/series/load1/windows?consistency=local");
    assert.equal(consistency, "local");
    assert.ok(Number.isFinite(ageMs) && ageMs >= 0, `${ageMs}`);
    assert.equal(total.value.count, 1);
  }));

Deno.test("A parameter that is unknown is refused, also where a query has arguments of its own", () =>
  withNode(async (client) => {
    await client.post("/readings", { id: "a", values: { t: 1 } });
    for (const query of ["", "query=windows&", "query=panes&"]) {
      const { detail } = await client.get(`/actors/sensor/a?${query}zz=1`, 400);
      assert.match(detail, /zz/);
    }
    await client.get("/actors/sensor/a?query=windows&at=2026-01-31T12:00:00Z");
    const { detail } = await client.get("/dead-letters?after=garbage", 404);
    assert.match(detail, /no dead letter "garbage"/);
  }));

Deno.test("GET /cluster tells of one node with all shards, and how far each has come", () =>
  withNode(async (client) => {
    await client.post("/readings", { id: "a", values: { t: 1 } });
    await client.get("/sensors");
    const { nodes, shards, rebalances, missing } = await client.get("/cluster");
    assert.deepEqual(
      nodes.map(({ isSelf, shards }: { isSelf: boolean; shards: number }) => [isSelf, shards]),
      [
        [true, 2],
      ],
    );
    for (const { node, owner, epoch, lag, checkpointAt } of shards) {
      assert.deepEqual([node, epoch, lag], [nodes[0].name, 1, 0]);
      assert.match(owner, /host-0/);
      assert.ok(Math.abs(Date.now() - checkpointAt) < minuteMs);
    }
    assert.deepEqual([shards.length, rebalances, missing], [2, [], []]);
  }));
