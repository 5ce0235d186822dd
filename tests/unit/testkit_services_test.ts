/** Services in the test kit: the test replies in their place. */

import assert from "node:assert/strict";
import { z } from "zod";
import { defineActor } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { TestNode } from "../../runtime/testkit.ts";

const State = z.object({ heard: z.array(z.string()) });
type State = z.infer<typeof State>;

const asker = defineActor({
  kind: "asker",
  state: jsonState<State>({ schema: State, initial: () => ({ heard: [] }) }),
  message: { version: 1, schema: z.string(), accepts: (value): value is string => typeof value === "string" },
  receive(_state, subject, context) {
    context.request("mailer", { subject }, { deadlineMs: 5000 });
  },
  answered(state, answer) {
    state.heard.push(answer.type === "answered" ? JSON.stringify(answer.value) : answer.code);
  },
  queries: { state: { arguments: z.strictObject({}), answer: (state: State) => state.heard } },
});

const a = { kind: "asker", id: "a" } as const;

Deno.test("reply() is what the actor hears of its request, once, whatever dies in between", () => {
  const node = new TestNode({ definitions: [asker] });
  node.send(a, "hello");
  const [request] = node.requests();
  assert.ok(request !== undefined);
  assert.deepEqual([request.service, request.from, request.body], ["mailer", a, { subject: "hello" }]);
  node.killHost();
  assert.deepEqual(node.requests().map(({ id }) => id), [request.id]);
  node.reply(request, { type: "answered", value: "sent" });
  node.loseNode();
  assert.deepEqual(node.ask(a, "state"), ['"sent"']);
  assert.deepEqual(node.requests(), []);
  assert.throws(() => node.reply(request, { type: "answered", value: 1 }), /Cannot reply to request \d+\.1/);
  node.expectReplays();
});

Deno.test("a request that nobody replies to times out, and is no longer among requests()", () => {
  const node = new TestNode({ definitions: [asker] });
  node.send(a, "hello");
  assert.equal(node.requests().length, 1);
  node.advance(6000);
  assert.deepEqual(node.ask(a, "state"), ["timeout"]);
  assert.deepEqual(node.requests(), []);
});
