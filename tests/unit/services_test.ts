import assert from "node:assert/strict";
import { Refusal } from "../../actors/cli/refusal.ts";
import { readArguments, taskHelp } from "../../actors/cli/read_arguments.ts";
import { cacheFolder, repositoryUrl } from "../../deploy/services/download.ts";
import { parseJavaMajor } from "../../deploy/services/java.ts";
import { serverProperties } from "../../deploy/services/kafka.ts";
import { kafkaJars, kafkaVersion } from "../../deploy/services/kafka_jars.ts";
import { parseStat, plainPath } from "../../deploy/services/processes.ts";
import { readCommand, spec } from "../../deploy/services/read_command.ts";
import { redisConf } from "../../deploy/services/redis.ts";
import { parseState, type State, stateText } from "../../deploy/services/state.ts";
import { ageText, exportLines, statusText, usageText } from "../../deploy/services/texts.ts";

function command(...args: readonly string[]) {
  const given = readArguments(spec, args);
  assert.ok(given !== null);
  return readCommand(given);
}

const refusal = (message: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof Refusal);
  assert.match(thrown.message, message);
  return true;
};

Deno.test("readCommand() reads what is to be done, where, and on which ports", () => {
  const all = ["kafka", "mariadb", "redis"];
  const flags = { brokers: null, install: false, env: false, delete: false };
  assert.deepEqual(command("up"), { verb: "up", folder: "services", only: all, ports: {}, ...flags });
  assert.deepEqual(command("up", "--only", "redis, kafka", "--redis-port=0", "--env", "--install"), {
    verb: "up",
    folder: "services",
    only: ["kafka", "redis"],
    ports: { redis: 0 },
    ...flags,
    env: true,
    install: true,
  });
  assert.deepEqual(command("down", "--data", "d", "--delete").delete, true);
  assert.equal(command("up", "--brokers", "3").brokers, 3);
});

const refused = [
  [["upp"], /^Cannot "upp" services\. Did you mean up\?/],
  [["start"], /^Cannot "start" services\. (It is up, down or status|Did you mean status)/],
  [["up", "--only", "mysql"], /^Cannot serve "mysql": --only takes one or more of kafka,mariadb,redis/],
  [["status", "--delete"], /^Cannot use --delete with "services status": it is for down/],
  [["down", "--kafka-port", "1"], /^Cannot use --kafka-port with "services down": it is for up/],
  [["up", "--mysql-port", "70000"], /"70000": --mysql-port takes a number from 0 to 65535/],
  [["up", "--brokers", "2"], /^Cannot start 2 Kafka brokers: --brokers takes 1 or 3\./],
  [["status", "--brokers", "3"], /^Cannot use --brokers with "services status": it is for up/],
  [["up", "--mysql-port", "http"], /"http": --mysql-port takes a number/],
] as const;

for (const [args, message] of refused) {
  Deno.test(`readCommand() refuses ${args.join(" ")}`, () => {
    assert.throws(() => command(...args), refusal(message));
  });
}

Deno.test("taskHelp() tells of each flag of services", () => {
  const help = taskHelp(spec);
  for (const flag of Object.keys(spec.flags)) assert.match(help, new RegExp(`^  ${flag} `, "m"));
});

const kafka = { pid: 7, startTicks: 99, startedAt: "2026-01-02T03:04:05.678Z", port: 1, controllerPort: 2 };

Deno.test("parseState() reads what stateText() wrote, and refuses anything else", () => {
  const states: readonly State[] = [{ kafka }, { kafka, "kafka-3": { ...kafka, pid: 8 } }];
  for (const state of states) assert.deepEqual(parseState(stateText(state), "f"), state);
  assert.deepEqual(parseState(stateText({}), "f"), {});
  for (const text of ["", "[]", '{"kafka":{"pid":0}}', '{"mysql":{}}']) {
    assert.throws(() => parseState(text, "f"), refusal(/^Cannot read f: it is not a state file/));
  }
});

Deno.test("parseStat() reads past a name with spaces and parentheses, and buries zombies", () => {
  const stat = (state: string) =>
    `42 (a) b (c) ${state} 1 42 42 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 3 0 123456 9999 25 1844 1 1`;
  assert.deepEqual(parseStat(stat("S")), {
    pid: 42,
    startTicks: 123456,
    residentBytes: 25 * 4096,
    isStopped: false,
  });
  assert.equal(parseStat(stat("T"))?.isStopped, true);
  assert.equal(parseStat(stat("Z")), null);
});

Deno.test("serverProperties() names listeners, and the secure ones only where they are wanted", () => {
  const options = { folder: "/d/kafka", port: 1000, controllerPort: 1001 };
  const plain = serverProperties(options, null).split("\n");
  assert.ok(plain.includes("listeners=PLAINTEXT://127.0.0.1:1000,CONTROLLER://127.0.0.1:1001"));
  assert.ok(plain.includes("advertised.listeners=PLAINTEXT://127.0.0.1:1000"));
  assert.ok(plain.includes("log.dirs=/d/kafka/log"));
  assert.ok(plain.includes("auto.create.topics.enable=false"));
  assert.ok(!plain.some((line) => line.includes("keystore") || line.includes("jaas")));
  const secure = { saslPlaintextPort: 1002, saslSslPort: 1003, user: "al", password: "pw" };
  const certificates = { ca: "", certificate: "", key: "", keyAndCertificate: "/d/kafka/tls/all.pem" };
  const text = serverProperties({ ...options, secure, settings: ["a=b"] }, certificates);
  assert.match(
    text,
    /^advertised\.listeners=.*SASL_PLAINTEXT:\/\/127\.0\.0\.1:1002,SASL_SSL:\/\/127\.0\.0\.1:1003$/m,
  );
  assert.match(text, /^ssl\.keystore\.location=\/d\/kafka\/tls\/all\.pem$/m);
  assert.match(text, /^listener\.name\.sasl_ssl\.plain\.sasl\.jaas\.config=.* user_al="pw";$/m);
  assert.match(text, /\na=b\n$/);
});

Deno.test("serverProperties() has the brokers of a cluster know each other, and keep everything thrice", () => {
  const cluster = { id: "c", controllerPorts: [1001, 1003, 1005] };
  const options = {
    folder: "/d/kafka-2",
    number: 2,
    cluster,
    host: "10.0.0.1",
    port: 1002,
    controllerPort: 1003,
  };
  const lines = serverProperties(options, null).split("\n");
  for (
    const line of [
      "node.id=2",
      "controller.quorum.voters=1@127.0.0.1:1001,2@127.0.0.1:1003,3@127.0.0.1:1005",
      "advertised.listeners=PLAINTEXT://10.0.0.1:1002",
      "offsets.topic.replication.factor=3",
      "transaction.state.log.min.isr=2",
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("redisConf() has a password and TLS only where they are wanted", () => {
  assert.equal(
    redisConf({ folder: "/d d", port: 5 }, null),
    'bind 127.0.0.1\nport 5\ndir "/d d"\ndaemonize no\n',
  );
  const certificates = { ca: "/c", certificate: "/s", key: "/k", keyAndCertificate: "" };
  const text = redisConf({ folder: "/d", port: 5, password: "pw", tlsPort: 6 }, certificates);
  assert.match(text, /^requirepass "pw"\ntls-port 6\ntls-cert-file "\/s"$/m);
});

Deno.test("plainPath() refuses what a configuration file cannot hold", () => {
  assert.equal(plainPath("/home/jörg/my data"), "/home/jörg/my data");
  for (const path of ["/a,b", '/a"b', "/a\\b", "/a\nb", "/a#b"]) {
    assert.throws(() => plainPath(path), refusal(/^Cannot keep servers' data in /));
  }
});

Deno.test("parseJavaMajor() knows both ways of counting", () => {
  assert.equal(parseJavaMajor('openjdk version "17.0.15" 2025-04-15'), 17);
  assert.equal(parseJavaMajor('java version "1.8.0_392"'), 8);
  assert.equal(parseJavaMajor('openjdk version "21" 2023-09-19'), 21);
  assert.equal(parseJavaMajor("command not found"), null);
});

Deno.test("repositoryUrl() takes a mirror, and refuses what is none without showing it", () => {
  assert.equal(repositoryUrl({}), "https://repo1.maven.org/maven2");
  assert.equal(repositoryUrl({ MAVEN_REPOSITORY_URL: "http://mirror/m2//" }), "http://mirror/m2");
  const bad = { MAVEN_REPOSITORY_URL: "al:secret@mirror" };
  assert.throws(() => repositoryUrl(bad), refusal(/^(?!.*secret).*MAVEN_REPOSITORY_URL is not a URL/));
});

Deno.test("cacheFolder() is below the user's cache", () => {
  assert.equal(cacheFolder({ HOME: "/h" }), `/h/.cache/sensorium/kafka-${kafkaVersion}`);
  assert.equal(cacheFolder({ HOME: "/h", XDG_CACHE_HOME: "/c" }), `/c/sensorium/kafka-${kafkaVersion}`);
  assert.equal(cacheFolder({ HOME: "/h" }, "other-1"), "/h/.cache/sensorium/other-1");
  assert.throws(() => cacheFolder({}), refusal(/neither HOME nor XDG_CACHE_HOME/));
});

Deno.test("kafkaJars has each file once, with its size and its hash", () => {
  const names = kafkaJars.map(({ path }) => path.split("/").at(-1));
  assert.equal(new Set(names).size, kafkaJars.length);
  assert.ok(names.includes(`kafka_2.13-${kafkaVersion}.jar`));
  for (const { path, bytes, sha256 } of kafkaJars) {
    assert.match(path, /^[\w./-]+\.jar$/);
    assert.ok(bytes > 0, path);
    assert.match(sha256, /^[0-9a-f]{64}$/, path);
  }
});

Deno.test("exportLines() sets the tests' variables of what runs, and no node's", () => {
  const addresses = { kafka: "h:1", mariadb: "mysql://m/s", testMariadb: "mysql://m/t", redis: null };
  const lines = "export SENSORIUM_TEST_KAFKA_BROKERS=h:1\nexport SENSORIUM_TEST_MYSQL_URL=mysql://m/t\n";
  assert.equal(exportLines(addresses), lines);
  assert.match(usageText(addresses), /^KAFKA_BROKERS=h:1 MYSQL_URL=mysql:\/\/m\/s deno task start cluster$/m);
  assert.doesNotMatch(usageText({ ...addresses, kafka: null }), /deno task start/);
});

Deno.test("statusText() says what runs, where, since when, and in how much memory", () => {
  const rows = [
    { place: "kafka", entry: kafka, isAnswering: true, residentBytes: 3 * 1024 * 1024 },
    { place: "kafka-2", entry: null },
    { place: "redis", entry: null },
  ] as const;
  const text = statusText("/d", rows, Date.parse(kafka.startedAt) + 61_000);
  assert.equal(
    text,
    "Servers in /d:\n" +
      "  Kafka    running, 127.0.0.1:1, since 2026-01-02T03:04:05Z (1 min), process 7, 3.00 MiB\n" +
      "  Kafka 2  not running\n" +
      "  Redis    not running\n",
  );
  assert.equal(ageText(3 * 3_600_000 + 120_000), "3 h 2 min");
  assert.equal(ageText(50 * 3_600_000), "2 days");
});
