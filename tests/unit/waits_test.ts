/** What a node says of servers that it waits for. */

import assert from "node:assert/strict";
import type { Notice } from "../../runtime/node/notice.ts";
import { Waits } from "../../runtime/node/waits.ts";

Deno.test("Waits tells a person of each component once when it goes and once when it is back", () => {
  const notices: Notice[] = [];
  const waits = new Waits((notice) => notices.push(notice));
  waits.set("kafka", null);
  waits.set("mysql", "MySQL at m:1 does not answer: refused");
  waits.set("mysql", "MySQL at m:1 does not answer: late");
  waits.set("kafka", "Kafka at k:1 does not answer.");
  assert.equal(waits.current, "MySQL at m:1 does not answer: late; Kafka at k:1 does not answer.");
  assert.equal(waits.of("kafka"), "Kafka at k:1 does not answer.");
  waits.set("mysql", null);
  waits.set("mysql", null);
  assert.equal(waits.current, "Kafka at k:1 does not answer.");
  waits.set("kafka", null);
  assert.deepEqual([waits.current, waits.of("kafka")], [null, null]);
  assert.deepEqual(notices.map(({ component, message }) => `${component}: ${message}`), [
    "mysql: MySQL at m:1 does not answer: refused. Waiting for it.",
    "kafka: Kafka at k:1 does not answer. Waiting for it.",
    "mysql: It answers again.",
    "kafka: It answers again.",
  ]);
  assert.ok(notices.every(({ isStep }) => isStep !== true), "also on a screen");
});
