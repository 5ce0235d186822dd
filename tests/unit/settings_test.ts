import assert from "node:assert/strict";
import { helpText } from "../../actors/cli/help.ts";
import { isLoopback, readSettings } from "../../actors/cli/read_settings.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import { settings } from "../../actors/settings.ts";

interface Case {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

function read({ args = [], env = {}, files = {} }: Case) {
  return readSettings({
    args,
    environment: env,
    readText: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error("no such file");
      return text;
    },
  });
}

Deno.test("readSettings() gives the defaults when nothing is given", () => {
  assert.deepEqual(read({ env: { HOME: "/root" } }), {
    port: 5002,
    adminPort: 9464,
    host: "127.0.0.1",
    insecure: false,
    data: "./data",
    shards: 8,
    retention: 7 * 86_400_000,
    checkpointMs: 1000,
    threads: null,
    actorMemory: 512 * 2 ** 20,
    entryTopic: "ENTRY",
    kafkaTls: false,
    mysqlTls: false,
    nodes: 1,
    okTopic: "OK",
    prefix: "sensorium",
    resultsTopic: "prometheusdata",
    remoteWriteMaxSeries: 100_000,
    bodyLimit: 8 * 2 ** 20,
    maxRatePerId: 1000,
    maxRatePerClient: null,
    hostMetrics: true,
    logLevel: "info",
    logFormat: "pretty",
  });
});

const understood: readonly (readonly [when: string, given: Case, expected: Record<string, unknown>])[] = [
  ["a flag's value follows it", { args: ["--port", "8080"] }, { port: 8080 }],
  ["a flag's value is joined by =", { args: ["--port=8080"] }, { port: 8080 }],
  ["a value contains =", { args: ["--data=/a=b"] }, { data: "/a=b" }],
  ["brokers are listed", { env: { KAFKA_BROKERS: "a:1, [::1]:2" } }, {}],
  ["topics are listed", { args: ["--keyed-topics", "a, b"] }, {}],
  ["a variable is set", { env: { SENSORIUM_PORT: "8080" } }, { port: 8080 }],
  ["a flag and a variable are given", { args: ["--port", "1"], env: { SENSORIUM_PORT: "2" } }, { port: 1 }],
  ["a variable is empty", { env: { SENSORIUM_PORT: "", KAFKA_BROKERS: "" } }, { port: 5002 }],
  ["a switch is given", { args: ["--insecure"] }, { insecure: true }],
  ["a switch has a value", { args: ["--insecure=false"] }, { insecure: false }],
  ["a switch's variable is set", { env: { SENSORIUM_HOST_METRICS: "false" } }, { hostMetrics: false }],
  ["a switch is turned off", { args: ["--no-host-metrics"] }, { hostMetrics: false }],
  ["off by flag, on by variable", {
    args: ["--no-host-metrics"],
    env: { SENSORIUM_HOST_METRICS: "true" },
  }, { hostMetrics: false }],
  ["a time has a unit", { args: ["--retention", "36h"] }, { retention: 36 * 3_600_000 }],
  ["a size has a unit", { args: ["--body-limit", "64KiB"] }, { bodyLimit: 65_536 }],
  ["a rate is off", { args: ["--max-rate-per-id", "off"] }, { maxRatePerId: null }],
  ["threads are counted", { args: ["--threads", "2"] }, { threads: 2 }],
  ["the token is in a file", {
    env: { SENSORIUM_TOKEN_FILE: "/run/token" },
    files: { "/run/token": "correct-horse\n" },
  }, { token: "correct-horse" }],
  ["the token's flag beats the variable of its file", {
    args: ["--token", "battery-staple"],
    env: { SENSORIUM_TOKEN_FILE: "/run/token" },
  }, { token: "battery-staple" }],
  ["others may connect with a token", {
    args: ["--host", "0.0.0.0"],
    env: { SENSORIUM_TOKEN: "correct-horse" },
  }, { host: "0.0.0.0", token: "correct-horse" }],
  ["others may connect without", { args: ["--host", "::", "--insecure"] }, { host: "::", insecure: true }],
];

for (const [when, given, expected] of understood) {
  Deno.test(`readSettings() understands when ${when}`, () => {
    const found: Record<string, unknown> = read(given);
    for (const [key, value] of Object.entries(expected)) assert.equal(found[key], value);
  });
}

const refused: readonly (readonly [when: string, given: Case, sentence: RegExp])[] = [
  ["a flag is misspelt", { args: ["--prot", "1"] }, /there is no flag --prot\. Did you mean --port\?$/],
  ["a flag is unknown", { args: ["--kubernetes"] }, /no flag --kubernetes\. See: .*--help$/],
  ["a flag lost its dashes", { args: ["port", "1"] }, /"port" is not a flag\. Did you mean --port\?$/],
  ["a flag is short", { args: ["-p", "1"] }, /"-p" is not a flag/],
  ["a flag is given twice", { args: ["--port", "1", "--port", "2"] }, /--port is given twice/],
  ["a switch is given both ways", { args: ["--insecure", "--no-insecure"] }, /are both given/],
  ["a value is missing", { args: ["--port"] }, /--port needs a value/],
  ["the next flag stands for a value", { args: ["--data", "--insecure"] }, /--data needs a value/],
  [
    "a variable is misspelt",
    { env: { SENSORIUM_PROT: "1" } },
    /SENSORIUM_PROT\. Did you mean SENSORIUM_PORT\?$/,
  ],
  ["a port is a word", { args: ["--port", "http"] }, /--port is "http"; give a port number from 0 to 65535/],
  [
    "a port is too high",
    { env: { SENSORIUM_PORT: "65536" } },
    /SENSORIUM_PORT is "65536"; give a port number/,
  ],
  [
    "a number has a fraction",
    { args: ["--shards", "1.5"] },
    /--shards is "1\.5"; give a whole number from 1/,
  ],
  [
    "a proxy is named",
    { args: ["--trusted-proxies", "127.0.0.1,proxy"] },
    /--trusted-proxies is "127\.0\.0\.1,proxy"; give addresses and ranges separated by commas/,
  ],
  ["a number is empty", { args: ["--shards="] }, /--shards is ""; give a whole number/],
  [
    "a time has no unit",
    { args: ["--retention", "7"] },
    /--retention is "7"; give a number and s, m, h or d/,
  ],
  [
    "a switch's value is odd",
    { args: ["--insecure=perhaps"] },
    /--insecure is "perhaps"; give true or false/,
  ],
  [
    "a level is unknown",
    { args: ["--log-level", "loud"] },
    /--log-level is "loud"; give error, warn, info or/,
  ],
  ["both ports are the same", { args: ["--admin-port", "5002"] }, /are both 5002; give two different ports/],
  [
    "others may connect unasked",
    { args: ["--host", "0.0.0.0"] },
    /no token is set\. Set SENSORIUM_TOKEN, or say/,
  ],
  [
    "a secret is given twice",
    { env: { SENSORIUM_TOKEN: "correct-horse", SENSORIUM_TOKEN_FILE: "/x" } },
    /are both/,
  ],
  ["a secret's file is missing", { args: ["--token-file", "/x"] }, /names \/x, which cannot be read/],
  ["a secret is too short", { args: ["--token", "abc"] }, /--token does not fit; give 8 to 512 visible/],
  ["brokers have no port", { env: { KAFKA_BROKERS: "a" } }, /KAFKA_BROKERS is "a"; give host:port of one/],
  ["a database has no scheme", { env: { MYSQL_URL: "db/s" } }, /MYSQL_URL does not fit; give mysql:/],
  ["Redis has another scheme", { env: { REDIS_URL: "http://a" } }, /REDIS_URL does not fit; give redis:/],
  ["a prefix has capitals", { args: ["--prefix", "Mine"] }, /--prefix is "Mine"; give up to 64 of a-z/],
];

for (const [when, given, sentence] of refused) {
  Deno.test(`readSettings() refuses with one sentence when ${when}`, () => {
    assert.throws(() => read(given), (error) => error instanceof Refusal && sentence.test(error.message));
  });
}

Deno.test("readSettings() never repeats a secret when it refuses one", () => {
  assert.throws(
    () => read({ args: ["--token", "s3cr3t\u00e9"] }),
    (error) => !String(error).includes("s3cr3t"),
  );
});

Deno.test("isLoopback() holds for this machine's own addresses only", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "::1"]) {
    assert.equal(isLoopback(host), true, host);
  }
  for (const host of ["0.0.0.0", "::", "127.example.org", "10.0.0.1"]) {
    assert.equal(isLoopback(host), false, host);
  }
});

Deno.test("helpText() names flag, variable, default and meaning when asked for any setting", () => {
  const text = helpText();
  for (const { flag, variable, defaultText, isSwitch, note } of settings) {
    assert.ok(text.includes(flag) || text.includes(flag.replace("--", "--no-")), flag);
    assert.ok(text.includes(variable), variable);
    assert.ok(text.includes(note.meaning), flag);
    if (defaultText !== null && !isSwitch) assert.ok(text.includes(`Default: ${defaultText}`), flag);
  }
});

Deno.test("helpText() fits a terminal of 120 columns", () => {
  const tooLong = helpText().split("\n").filter((line) => line.length > 120);
  assert.deepEqual(tooLong, []);
});

Deno.test("helpText() says what the flag shown does when a switch is on by default", () => {
  const [, meaning] = /--no-host-metrics .*\n +(.*)/.exec(helpText()) ?? [];
  assert.match(meaning ?? "", /^Do not read this machine's own/);
});
