import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { AppOptions } from "../../actors/http/app.ts";
import { within } from "../services/within.ts";
import { type Bench, withApp } from "../unit/http_app_under_test.ts";

interface Served extends Bench {
  readonly port: number;
}

function withServer(options: Partial<AppOptions>, test: (served: Served) => Promise<void>): Promise<void> {
  return withApp(options, async (bench) => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, bench.app.fetch);
    try {
      await test({ ...bench, port: server.addr.port });
    } finally {
      bench.app.close();
      await server.shutdown();
    }
  });
}

const encoder = new TextEncoder();

/** Writes raw bytes, reads one answer with a length, and goes. */
async function raw(port: number, text: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await connection.write(encoder.encode(text));
    return await within("the answer", readAnswer(connection));
  } finally {
    connection.close();
  }
}

async function readAnswer(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65_536);
  let answer = "";
  for (;;) {
    const read = await connection.read(buffer);
    if (read === null) return answer;
    answer += new TextDecoder().decode(buffer.subarray(0, read));
    const [head = "", body] = answer.split("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (body !== undefined && encoder.encode(body).length >= length) return answer;
  }
}

async function isWell({ port, engine }: Served): Promise<void> {
  const before = engine.sent.length;
  const response = await fetch(`http://127.0.0.1:${port}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"id":"well","values":{"t":1}}`,
  });
  assert.equal(response.status, 202);
  await response.body?.cancel();
  assert.equal(engine.sent.length, before + 1);
}

const chunked =
  "POST /readings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n";

Deno.test("An aborted upload changes nothing and disturbs nobody", () =>
  withServer({}, async (served) => {
    for (const head of ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"]) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: served.port });
      const start = `POST /readings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}\r\n`;
      await connection.write(encoder.encode(`${start}40\r\n[{"id":"a","values":{"t":1}},`));
      connection.close();
    }
    await isWell(served);
    assert.deepEqual(served.engine.sent.map(({ id }) => id), ["well"]);
    assert.deepEqual(served.logged, []);
  }));

for (const head of ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]) {
  const form = head.slice(0, head.indexOf(":"));
  Deno.test(`A body that stalls is refused with 408 at the deadline (${form})`, () =>
    withServer({ limits: { bodyDeadlineMs: 50 } }, async (served) => {
      const start = "POST /readings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
      const answer = await raw(served.port, `${start}${head}`);
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.match(answer, /problem-body-too-slow/);
      await isWell(served);
    }));
}

Deno.test("A chunked body is accepted, and refused with 413 where it passes the limit", () =>
  withServer({ limits: { maxBodyBytes: 1000 } }, async (served) => {
    const body = `{"id":"a","values":{"t":1}}`;
    const good = await raw(
      served.port,
      `${chunked}Connection: close\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    assert.match(good, /^HTTP\/1\.1 202 /);
    const bad = await raw(served.port, `${chunked}\r\n7d0\r\n${"x".repeat(2000)}\r\n`);
    assert.match(bad, /^HTTP\/1\.1 413 /);
    await isWell(served);
  }));

Deno.test("A client that announces too much is refused before it sends", () =>
  withServer({}, async (served) => {
    const answer = await raw(
      served.port,
      "POST /readings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 413 /);
  }));

Deno.test("A gzip bomb is refused without taking its memory", () =>
  withServer({}, async (served) => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(512 * 1024 * 1024)));
    const before = Deno.memoryUsage().rss;
    const response = await fetch(`http://127.0.0.1:${served.port}/readings`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: bomb,
    });
    assert.equal(response.status, 413);
    await response.body?.cancel();
    assert.ok(Deno.memoryUsage().rss - before < 128 * 1024 * 1024);
    await isWell(served);
  }));

const strange = [
  "GET /sensors/%2e%2e/x HTTP/1.1\r\nHost: a",
  "GET /sensors?limit=%zz HTTP/1.1\r\nHost: a",
  "GET //sensors HTTP/1.1\r\nHost: a",
  "GET http://elsewhere?x=/y HTTP/1.1\r\nHost: a",
  "OPTIONS * HTTP/1.1\r\nHost: a",
  "GET /sensors HTTP/1.1\r\nHost: [",
  "BREW /sensors HTTP/1.1\r\nHost: a",
];

for (const head of strange) {
  Deno.test(`${JSON.stringify(head)} is answered, and nothing unexpected is logged`, () =>
    withServer({}, async (served) => {
      const answer = await raw(served.port, `${head}\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 [24]\d\d /);
      assert.deepEqual(served.logged, []);
    }));
}

Deno.test("GET /events sends the first event at once, and ends when the app closes", () =>
  withServer({}, async ({ port, app }) => {
    const response = await fetch(`http://127.0.0.1:${port}/events`);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body!.getReader();
    const { value } = await within("the first event", reader.read());
    assert.match(new TextDecoder().decode(value), /^data: \{"atMs":/);
    app.close();
    const end = async () => {
      while (!(await reader.read()).done);
    };
    await within("the end of the stream", end());
  }));

Deno.test("Clients that send requests ahead do not keep timers from their turn", () =>
  withApp({}, async ({ app }) => {
    const [connections, ahead] = [40, 500];
    let answered = 0;
    const fired = Promise.withResolvers<number>();
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request, info) => {
        if (answered === 0) setTimeout(() => fired.resolve(answered), 1);
        const response = await app.fetch(request, info);
        answered++;
        return response;
      },
    );
    const requests = encoder.encode("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(ahead));
    const clients = await Promise.all(Array.from({ length: connections }, async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
      await connection.write(requests);
      return connection;
    }));
    const answeredBefore = await within("a timer", fired.promise);
    for (const connection of clients) connection.close();
    await server.shutdown();
    assert.ok(
      answeredBefore < connections * ahead / 4,
      `${answeredBefore} were answered before a timer had its turn`,
    );
  }));
