/** What the task that stores results alone is told, by flags and variables. */

import assert from "node:assert/strict";
import { Refusal } from "../../actors/cli/refusal.ts";
import { readArguments } from "../../actors/cli/read_arguments.ts";
import { readTask, type ResultsTask, spec } from "../../actors/results/read_task.ts";

const files: Readonly<Record<string, string>> = { "/run/url": "mysql://u:hidden@m/d\n" };
const both = { KAFKA_BROKERS: "k:1", MYSQL_URL: "mysql://u:hidden@m:3307/d" };

function taskOf(args: readonly string[], environment: Readonly<Record<string, string>>): ResultsTask {
  const given = readArguments(spec, args);
  assert.ok(given !== null);
  return readTask(given, environment, (path) => {
    const text = files[path];
    if (text === undefined) throw new Error("missing");
    return text;
  });
}

Deno.test("readTask() reads servers, topic and retention as a node does, and leaves the rest of a node alone", () => {
  const { servers, topic, retentionMs, redactor } = taskOf([], {
    ...both,
    SENSORIUM_HOST: "0.0.0.0",
    SENSORIUM_RETENTION: "2d",
    REDIS_CA: "/none",
    OTHER: "x",
  });
  assert.deepEqual([servers.kafka.brokers, servers.mysql.port, servers.mysql.database], [["k:1"], 3307, "d"]);
  assert.deepEqual([topic, retentionMs, servers.kafka.prefix], [
    "prometheusdata",
    2 * 86_400_000,
    "sensorium",
  ]);
  assert.equal(redactor.text("as hidden"), "as [redacted]");
});

Deno.test("readTask() takes a flag before a variable, and a URL by its file", () => {
  const args = [
    "--kafka-brokers",
    "a:1,b:2",
    "--mysql-url-file=/run/url",
    "--results-topic",
    "t",
    "--prefix",
    "p",
  ];
  const { servers, topic } = taskOf(args, { ...both, SENSORIUM_RESULTS_TOPIC: "u" });
  assert.deepEqual([servers.kafka.brokers, servers.mysql.port, topic], [["a:1", "b:2"], 3306, "t"]);
  assert.equal(servers.kafka.prefix, "p");
});

Deno.test("readTask() refuses in the task's own words, without secrets", () => {
  const cases: readonly (readonly [args: readonly string[], Readonly<Record<string, string>>, RegExp])[] = [
    [[], {}, /KAFKA_BROKERS and MYSQL_URL are not set\. Results are read from Kafka/],
    [[], { KAFKA_BROKERS: "k:1" }, /: MYSQL_URL is not set\./],
    [[], { MYSQL_URL: both.MYSQL_URL }, /: KAFKA_BROKERS is not set\./],
    [
      [],
      { ...both, SENSORIUM_RESULTS_TOPICS: "x" },
      /no setting for the variable .* mean SENSORIUM_RESULTS_TOPIC\?/,
    ],
    [[], { ...both, KAFKA_CA: "/ca" }, /KAFKA_CA is set and KAFKA_TLS is not/],
    [[], { ...both, SENSORIUM_RESULTS_TOPIC: "ENTRY" }, /both name ENTRY/],
    [["--retention", "1s"], both, /--retention is "1s"; give a number and s, m, h or d/],
    [["--mysql-url-file", "/none"], both, /\/none, which cannot be read/],
    [["--topic", "x"], both, /there is no flag --topic/],
    [["x"], both, /"x" is one word too many\. See: deno task results --help/],
  ];
  for (const [args, environment, sentence] of cases) {
    assert.throws(() => taskOf(args, environment), (thrown) => {
      assert.ok(thrown instanceof Refusal);
      assert.match(thrown.message, sentence);
      assert.match(thrown.message, /^Cannot store results/);
      assert.doesNotMatch(thrown.message, /hidden|start cluster/);
      return true;
    });
  }
});
