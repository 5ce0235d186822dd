/** Bytes that are no requests, or hardly, on a socket of a real node: it closes or refuses, and answers the next one. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Node } from "../services/node.ts";
import { within } from "../services/within.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

const answerDeadlineMs = 15_000;
const runs = 250;

const line = fc.oneof(
  fc.constantFrom(
    "GET / HTTP/1.1",
    "POST /readings HTTP/1.1",
    "GET /sensors HTTP/1.0",
    "GET /sensors HTTP/9.9",
    "GET",
    "GET / ",
    "",
    "PRI * HTTP/2.0",
    "OPTIONS * HTTP/1.1",
    "CONNECT a:1 HTTP/1.1",
    "GET http://[ HTTP/1.1",
    "GET /\x00 HTTP/1.1",
    "GET  /  HTTP/1.1",
    "get /sensors http/1.1",
    "POST /series?import=1&import=0 HTTP/1.1",
    "\xff\xfe HTTP/1.1",
    `GET /${"a".repeat(100_000)} HTTP/1.1`,
    "POST /actors/sensor/%ff/resume HTTP/1.1",
    "GET /events HTTP/1.1",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
);
const header = fc.oneof(
  fc.constantFrom(
    "Host: a",
    "Host:",
    "Host: a\r\nHost: b",
    "Host: \xff",
    "Content-Type: application/json",
    "Connection: close",
    "Content-Length: 27",
    "Content-Length: -1",
    "Content-Length: 27, 28",
    "Content-Length: 99999999999999999999",
    "Content-Length: 2\r\nContent-Length: 3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked\r\nContent-Length: 3",
    "Content-Encoding: gzip",
    "Expect: 100-continue",
    "Expect: x",
    "Upgrade: websocket\r\nConnection: upgrade",
    "Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: upgrade",
    ": a",
    " folded",
    "A\x00: b",
    "A: b\x00",
    "Idempotency-Key: \x7f",
    `X: ${"y".repeat(70_000)}`,
    "no colon",
    "Range: bytes=0-",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const rest = fc.oneof(
  fc.constantFrom(
    '{"id":"a","values":{"t":1}}',
    "",
    "1b\r\n",
    '1b\r\n{"id":"a","values":{"t":1}}\r\n0\r\n\r\n',
    "zz\r\n",
    "-1\r\n",
    "ffffffffffffffffff\r\nx",
    "0\r\n\r\n",
    "0\r\nTrailer: \x00\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "1;ext=\x00\r\na\r\n",
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
);
const request = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(line, fc.array(header, { maxLength: 6 }), rest).map(([first, headers, body]) =>
      Uint8Array.from([first, ...headers, "", body].join("\r\n"), (unit) => unit.charCodeAt(0) & 0xff)
    ),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
);

/** Sends the bytes, ends its side, and reads until the node ends its own or the live feed begins. */
async function exchange(port: number, bytes: Uint8Array): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let answer = "";
  try {
    await connection.write(bytes);
    await connection.closeWrite();
    const buffer = new Uint8Array(65_536);
    for (;;) {
      const read = await within("the node to end the connection", connection.read(buffer), answerDeadlineMs);
      if (read === null) return answer;
      answer += decoder.decode(buffer.subarray(0, read));
      if (answer.includes("text/event-stream")) return answer;
    }
  } catch (thrown) {
    // Who gets more than it wants to read may reset the connection.
    const isReset = thrown instanceof Deno.errors.ConnectionReset ||
      thrown instanceof Deno.errors.BrokenPipe ||
      thrown instanceof Deno.errors.NotConnected;
    if (!isReset) throw thrown;
    return answer;
  } finally {
    connection.close();
  }
}

/** Refusals of the HTTP parser itself, before anything of ours sees a request, have no body. */
const parserStatuses = ["400", "405", "414", "431"];

function assertRefused(answer: string): void {
  for (const [, status = ""] of answer.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)) {
    assert.ok(Number(status) < 500, answer.slice(0, 1000));
  }
  const [, status = ""] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  if (Number(status) < 400) return;
  const [head = ""] = answer.split("\r\n\r\n");
  const isProblem = /content-type: application\/problem\+json/i.test(head);
  assert.ok(isProblem || parserStatuses.includes(status), answer.slice(0, 1000));
}

Deno.test("A node refuses or drops whatever bytes come on a connection, and answers the next request", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sensorium-fuzz-" });
  try {
    await using node = await Node.start({
      dataDir: `${folder}/data`,
      flags: ["--no-host-metrics", "--shards", "2"],
    });
    const port = Number(new URL(node.url).port);
    const reading = (n: number) => encoder.encode(JSON.stringify({ id: "well", seq: n, values: { t: n } }));
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        assertRefused(await exchange(port, bytes));
        if (sent++ % 10 !== 0) return;
        const headers = { "content-type": "application/json" };
        const response = await fetch(`${node.url}/readings`, {
          method: "POST",
          headers,
          body: reading(sent),
        });
        assert.deepEqual([response.status, await response.json()], [202, { accepted: 1, rejected: [] }]);
      }),
      { numRuns: runs },
    );
    const { total } = await (await fetch(`${node.url}/sensors/well/windows`)).json();
    assert.equal(total.t.count, Math.ceil(sent / 10));
    assert.doesNotMatch(node.errors, /Cannot answer/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
