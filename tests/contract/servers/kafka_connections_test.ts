/** One connection of the Kafka library to a broker that breaks off. The numbers are those of `connections.ts`. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import Connection from "kafkajs/src/network/connection.js";
import requests from "kafkajs/src/protocol/requests/apiVersions/index.js";
import { useOneSocketAtATime } from "../../../runtime/log/kafka/connections.ts";
import { closeDeadlineMs } from "../../../runtime/log/kafka/limits.ts";
import { lookOnlyForWaiting } from "../../../runtime/log/kafka/request_timers.ts";
import { within } from "../../services/within.ts";

lookOnlyForWaiting();
useOneSocketAtATime();

const quiet = { debug() {}, info() {}, warn() {}, error() {}, namespace: () => quiet };

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly onConnect: () => void;
}

function connectionTo({ port }: Deno.NetAddr) {
  return new Connection({
    host: "127.0.0.1",
    port,
    logger: quiet,
    socketFactory: ({ host, port, onConnect }: SocketOptions) => connect({ host, port }, onConnect),
    requestTimeout: 60_000,
    connectionTimeout: 2000,
  });
}

const ask = requests.protocol({ version: 0 });

/** The answer to ApiVersions: no error, and no versions. */
function answerTo(question: Uint8Array): Uint8Array {
  const correlation = question.subarray(8, 12);
  return Uint8Array.of(0, 0, 0, 10, ...correlation, 0, 0, 0, 0, 0, 0);
}

const answered = { errorCode: 0, apiVersions: [] };

async function question(from: Deno.Conn): Promise<Uint8Array> {
  const bytes = new Uint8Array(1024);
  return bytes.subarray(0, await from.read(bytes) ?? 0);
}

Deno.test("1: who wants a connection at once with another gets the same", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connection = connectionTo(listener.addr);
  const both = Promise.all([connection.connect(), connection.connect()]);
  using broker = await listener.accept();
  await within("both to be connected", both);
  const asked = connection.send(ask());
  await broker.write(answerTo(await question(broker)));
  assert.deepEqual(await within("an answer", asked), answered);
  await connection.disconnect();
});

Deno.test("2: half an answer of a former socket is no part of the next one's", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connection = connectionTo(listener.addr);
  const [first] = await Promise.all([listener.accept(), connection.connect()]);
  const failed = connection.send(ask());
  await first.write(answerTo(await question(first)).subarray(0, 7));
  first.close();
  await assert.rejects(failed);
  const [second] = await Promise.all([listener.accept(), connection.connect()]);
  const asked = connection.send(ask());
  await second.write(answerTo(await question(second)));
  assert.deepEqual(await within("an answer", asked), answered);
  await connection.disconnect();
  second.close();
});

Deno.test("3: closing does not wait for an answer that never comes", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connection = connectionTo(listener.addr);
  const [broker] = await Promise.all([listener.accept(), connection.connect()]);
  const asked = connection.send(ask());
  await question(broker);
  const failed = assert.rejects(asked, { name: "KafkaJSConnectionClosedError" });
  await within("the end", connection.disconnect(), closeDeadlineMs + 5000);
  await failed;
  broker.close();
});
