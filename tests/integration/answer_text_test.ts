/** What is asked of sources ends by its time-out, whatever they do. */

import assert from "node:assert/strict";
import { AnswerBudget, askForText } from "../../actors/sources/prometheus/answer_text.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { within } from "../services/within.ts";

/** As many as make the engine compile what runs, after which it may collect what the source alone does not hold. */
const warmUps = 3000;
const timeoutMs = 300;
const deadlineMs = 10_000;

/** One byte now and then, and no end. */
function dripping(): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new Uint8Array([65])), 50);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}

/** Makes so much garbage that it is collected. */
function collectGarbage(): void {
  for (let n = 0; n < 300; n++) new Array(100_000).fill({});
}

Deno.test("askForText() says why nothing answers, and not the whole address", async () => {
  const asked = askForText({
    url: `http://127.0.0.1:${freePort()}/metrics?token=secret`,
    headers: {},
    form: null,
    timeoutMs: deadlineMs,
    maxBytes: 1000,
    budget: new AnswerBudget(1000),
    signal: new AbortController().signal,
  });
  await assert.rejects(asked, {
    code: "unreachable",
    message: /^It cannot be reached: (?!.*secret)(?!fetch failed).*Connection refused/,
  });
});

Deno.test("askForText() ends by its time-out when the answer's body never does, also of the thousandth answer", async () => {
  const stop = new AbortController();
  const listening = { port: 0, hostname: "127.0.0.1", signal: stop.signal, onListen() {} };
  const server = Deno.serve(listening, ({ url }) => {
    return new Response(url.endsWith("/drip") ? dripping() : "up 1\n");
  });
  const budget = new AnswerBudget(1_000_000);
  const signal = new AbortController().signal;
  const ask = (path: string) =>
    askForText({
      url: `http://127.0.0.1:${server.addr.port}/${path}`,
      headers: {},
      form: null,
      timeoutMs,
      maxBytes: 1_000_000,
      budget,
      signal,
    });
  try {
    for (let n = 0; n < warmUps; n++) assert.equal((await ask("page")).text, "up 1\n");
    const asked = ask("drip");
    setTimeout(collectGarbage, timeoutMs / 2);
    const answered = within("the end of an answer without one", asked, deadlineMs);
    await assert.rejects(answered, { name: "AnswerError", code: "timeout" });
  } finally {
    stop.abort();
    await server.finished;
  }
});
