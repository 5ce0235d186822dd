/** How far foreign topics are read: `topic_progress.ts`, `remembered_partitions.ts`, `topic_metrics.ts`. */

import assert from "node:assert/strict";
import { Registry } from "../../runtime/prom_client.ts";
import { RememberedPartitions } from "../../runtime/topics/remembered_partitions.ts";
import { TopicMetrics } from "../../runtime/topics/topic_metrics.ts";
import { TopicProgress } from "../../runtime/topics/topic_progress.ts";

Deno.test("TopicProgress.lag() is what these partitions hold and nobody has read", () => {
  const progress = new TopicProgress("ENTRY");
  assert.equal(progress.lag([0, 1]), 0);
  progress.seen({ partition: 0, begin: 10, end: 30 });
  progress.seen({ partition: 1, begin: 0, end: 5 });
  assert.equal(progress.lag([0, 1]), 25, "what was removed is not missing");
  progress.read(0, 20);
  progress.read(0, 15);
  assert.equal(progress.lag([0, 1]), 15);
  progress.seenEnd(0, 40);
  assert.deepEqual([progress.lag([0]), progress.lag([1])], [20, 5]);
  progress.read(0, 50);
  assert.equal(progress.lag([0]), 0);
});

Deno.test("TopicProgress says once that a partition ends or begins below what was read of it", () => {
  const strangeEnd = new TopicProgress("ENTRY");
  strangeEnd.read(3, 100);
  assert.equal(strangeEnd.strangeEnd({ partition: 3, begin: 0, end: 100 }), null);
  assert.equal(strangeEnd.strangeBegin(3, 100), null);
  assert.equal(strangeEnd.strangeEnd({ partition: 2, begin: 0, end: 0 }), null);
  assert.equal(
    strangeEnd.strangeEnd({ partition: 3, begin: 0, end: 12 }),
    "ENTRY/3 was read up to offset 100 and ends at 12: the topic was made anew, or lost records. What it has below " +
      "offset 100 may count as read already: if that is wrong, use a topic of another name.",
  );
  assert.equal(strangeEnd.strangeEnd({ partition: 3, begin: 0, end: 13 }), null);
  const strangeBegin = new TopicProgress("OK");
  strangeBegin.read(0, 5);
  assert.match(
    strangeBegin.strangeBegin(0, 0) ?? "",
    /^OK\/0 was read up to offset 5 and is read from offset 0 again: the topic was made anew, or its group's offsets /,
  );
});

Deno.test("RememberedPartitions.admit() counts what shards remember, each once, and says what is too many", () => {
  const remembered = new RememberedPartitions(10);
  assert.equal(
    remembered.admit("HUGE", 11),
    "it has 11 partitions; 10 altogether are the most. Use a topic with fewer partitions",
  );
  remembered.add(["OLD/0", "OLD/1", "ENTRY/0"]);
  assert.equal(remembered.admit("ENTRY", 5), null);
  assert.equal(remembered.admit("ENTRY", 5), null);
  assert.match(
    remembered.admit("OK", 4) ?? "",
    /^it has 4 partitions, and 7 of other topics, or of earlier ones of this name, are or were read; 10 /,
  );
  assert.equal(remembered.admit("OK", 3), null);
  assert.notEqual(remembered.admit("ENTRY", 6), null);
  assert.equal(new RememberedPartitions(3).admit("ENTRY", 2, "ENTRY#one"), null);
  assert.match(new RememberedPartitions(2).admit("ENTRY", 2, "ENTRY#one") ?? "", /^it has 2 partitions; 2 /);
});

Deno.test("TopicMetrics begin at zero, and their labels are bounded", async () => {
  const registry = new Registry();
  let keyed: number | null = 5;
  const metrics = new TopicMetrics(registry, ["ENTRY"], ["malformed"]);
  metrics.read("ENTRY", 7);
  metrics.refused("ENTRY", new Map([["malformed", 2], ["said by someone", 3], ["and another", 1]]));
  metrics.watch("ENTRY", () => 1);
  metrics.watch("ENTRY", () => 4);
  metrics.watch("KEYED", () => Promise.resolve(keyed));
  const linesOf = async () =>
    (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual((await linesOf()).sort(), [
    'sensorium_topic_lag_records{topic="ENTRY"} 4',
    'sensorium_topic_lag_records{topic="KEYED"} 5',
    'sensorium_topic_records_refused_total{topic="ENTRY",reason="malformed"} 2',
    'sensorium_topic_records_refused_total{topic="ENTRY",reason="other"} 4',
    'sensorium_topic_records_refused_total{topic="ENTRY",reason="removed"} 0',
    'sensorium_topic_records_total{topic="ENTRY"} 7',
  ]);
  keyed = null;
  assert.doesNotMatch((await linesOf()).join(), /KEYED/, "what is not known is left out");
});
