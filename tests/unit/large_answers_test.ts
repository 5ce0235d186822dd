import assert from "node:assert/strict";
import { jsonResponse, splicedResponse } from "../../actors/http/json_response.ts";
import { LargeAnswers, textAnswer } from "../../actors/http/large_answers.ts";
import { largeAnswerBytes } from "../../actors/http/limits.ts";
import { ProblemError } from "../../actors/http/problem.ts";
import { Deadlines } from "../../runtime/node/deadlines.ts";

const text = "0123456789".repeat(largeAnswerBytes / 4);
const answer = () =>
  new Response(text, { status: 203, headers: { "content-type": "text/plain", etag: "7" } });
const isOverloaded = (thrown: unknown) => thrown instanceof ProblemError && thrown.code === "overloaded";

async function withAnswers(
  deadlineMs: number,
  test: (answers: LargeAnswers) => Promise<void>,
): Promise<void> {
  const deadlines = new Deadlines(deadlineMs);
  try {
    await test(new LargeAnswers(2 * text.length, deadlines));
  } finally {
    deadlines.close();
  }
}

Deno.test("bound() gives the same answer, whole, with its length", () =>
  withAnswers(60_000, async (answers) => {
    const bounded = await answers.bound(answer());
    assert.equal(bounded.status, 203);
    assert.equal(bounded.headers.get("etag"), "7");
    assert.equal(bounded.headers.get("content-length"), String(text.length));
    assert.equal(await bounded.text(), text);
    assert.equal(await (await answers.bound(new Response("small"))).text(), "small");
  }));

Deno.test("bound() refuses what has no room beside answers that are not read, and has room when they are", () =>
  withAnswers(60_000, async (answers) => {
    const [first, second] = [await answers.bound(answer()), await answers.bound(answer())];
    await assert.rejects(answers.bound(answer()), isOverloaded);
    assert.equal(await (await answers.bound(new Response("small"))).text(), "small");
    await first.text();
    await second.body?.cancel();
    assert.equal(await (await answers.bound(answer())).text(), text);
    assert.equal(await (await answers.bound(answer())).text(), text);
  }));

Deno.test("bound() gives an answer up that is not read by the deadline", () =>
  withAnswers(20, async (answers) => {
    const reader = (await answers.bound(answer())).body!.getReader();
    const { value } = await reader.read();
    assert.equal(value?.length, largeAnswerBytes);
    await assert.rejects(reader.closed, (thrown) => /not read within 0\.02 s/.test(String(thrown)));
    const [second, third] = [await answers.bound(answer()), await answers.bound(answer())];
    await Promise.all([second.text(), third.text()]);
  }));

Deno.test("bound() gives an answer that is known to be small as it is", () =>
  withAnswers(60_000, async (answers) => {
    const small = jsonResponse({ a: 1 });
    assert.equal(await answers.bound(small), small);
    const large = jsonResponse({ text });
    assert.notEqual(await answers.bound(large), large);
    // Three bytes for each unit.
    const wide = textAnswer("€".repeat(largeAnswerBytes / 2), {});
    assert.notEqual(await answers.bound(wide), wide);
  }));

Deno.test("splicedResponse() is the JSON of all members in their order", async () => {
  const texts = [
    await splicedResponse({ id: "a" }, '{"b":{"c":[1]}}', { age: 2 }).text(),
    await splicedResponse({ id: 'quo"te' }, "{}", {}).text(),
    await splicedResponse({}, "7", { age: 2 }).text(),
  ];
  assert.deepEqual(texts, [
    '{"id":"a","b":{"c":[1]},"age":2}\n',
    '{"id":"quo\\"te"}\n',
    '{"value":7,"age":2}\n',
  ]);
});
