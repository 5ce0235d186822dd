/** What the program writes into its log: which lines, in which form, and without secrets. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { askedFormat, lastWord } from "../../actors/cli/last_word.ts";
import { createLogger, type LogFormat, logOf } from "../../actors/cli/logger.ts";
import { readSettings } from "../../actors/cli/read_settings.ts";
import { redactor } from "../../actors/cli/redact.ts";
import { withRequestLog } from "../../actors/http/request_log.ts";
import { secretsOf, settings } from "../../actors/settings.ts";
import type { NoticeFields, NoticeLevel } from "../../runtime/node/notice.ts";

const secret = "correct-horse&battery";

function logger(format: LogFormat, level: NoticeLevel = "info") {
  const lines: string[] = [];
  const report = createLogger({
    level,
    format,
    redactor: redactor([secret]),
    now: () => new Date(0),
    put: (line) => lines.push(line),
  });
  return { lines, report, log: logOf("node", report) };
}

Deno.test("createLogger() leaves out what is below its level", () => {
  const { lines, log } = logger("pretty", "warn");
  log.error("e", "a");
  log.warn("e", "b");
  log.info("e", "c");
  log.debug("e", "d");
  assert.deepEqual(lines, [
    "1970-01-01T00:00:00.000Z error node: a",
    "1970-01-01T00:00:00.000Z warn  node: b",
  ]);
});

Deno.test("createLogger() writes one JSON object a line, with the facts as fields", () => {
  const { lines, log } = logger("json");
  log.warn("append-failed", "The disk\nis full.", {
    like: "full",
    fields: { code: "full", shard: 3, time: 1 },
  });
  assert.deepEqual(lines, [
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","component":"node","event":"append-failed",' +
    '"message":"The disk\\nis full.","code":"full","shard":3,"time_":1}',
  ]);
});

Deno.test("createLogger() names the node where there are several", () => {
  for (
    const [format, line] of [["pretty", /error node-1 log: a$/], [
      "json",
      /"error","node":"node-1","comp/,
    ]] as const
  ) {
    const lines: string[] = [];
    const parts = { level: "info", redactor: redactor([]), now: () => new Date(0) } as const;
    const report = createLogger({ ...parts, format, node: "node-1", put: (text) => lines.push(text) });
    logOf("log", report).error("e", "a");
    assert.match(lines.join(), line);
  }
});

Deno.test("createLogger() lets no message begin a line of its own", () => {
  const { lines, log } = logger("pretty");
  log.warn("e", "one\nwarn two\r\x1b[2Kthree");
  assert.deepEqual(lines, ["1970-01-01T00:00:00.000Z warn  node: one\\nwarn two\\r\\u001b[2Kthree"]);
  log.error("e", "It threw.", { fields: { stack: "Error: x\n    at y\x1b[2K" } });
  assert.equal(lines[1], "1970-01-01T00:00:00.000Z error node: It threw.\nError: x\n    at y\\u001b[2K");
});

Deno.test("createLogger() shows the steps of a start to a collector, and to a person at debug alone", () => {
  const lines = (format: LogFormat, level: NoticeLevel) => {
    const { lines, log } = logger(format, level);
    log.info("ready", "It takes readings.", { isStep: true });
    return lines.length;
  };
  assert.deepEqual([lines("json", "info"), lines("pretty", "info"), lines("pretty", "debug")], [1, 0, 1]);
});

const secretTexts = [
  ["the token", `a ${secret} b`, "a [redacted] b"],
  [
    "the token in a URL",
    `GET /feed?token=${encodeURIComponent(secret)}&x=1`,
    "GET /feed?token=[redacted]&x=1",
  ],
  ["another token in a URL", "GET /feed?a=1&access_token=abc.def", "GET /feed?a=1&access_token=[redacted]"],
  [
    "credentials of a URL",
    "mysql://me:pa@ss@host:3306/db is down",
    "mysql://[redacted]@host:3306/db is down",
  ],
  ["a user alone", "redis://me@host", "redis://[redacted]@host"],
  ["a header", "authorization: Bearer abcdef.123", "authorization: Bearer [redacted]"],
  ["basic credentials", "Basic dXNlcjpwYXNz=", "Basic [redacted]"],
  ["nothing", "mail to me@example.org at http://host/a@b", "mail to me@example.org at http://host/a@b"],
] as const;

for (const [what, text, clean] of secretTexts) {
  Deno.test(`a log line holds no secret when its message has ${what}`, () => {
    for (const format of ["pretty", "json"] as const) {
      const { lines, log } = logger(format);
      log.warn("e", text, { fields: { reason: text } });
      const [line = ""] = lines;
      assert.ok(line.includes(clean), line);
      if (clean !== text) assert.ok(!line.includes(text), line);
      if (format === "json") assert.equal(JSON.parse(line).reason, clean);
    }
  });
}

Deno.test("a log line shows no field that is called like a secret", () => {
  const { lines, log } = logger("json");
  const fields: NoticeFields = {
    token: "a",
    mysqlPassword: "b",
    "set-cookie": "c",
    authorization: "d",
    tokens: 4,
  };
  log.warn("e", "m", { fields });
  const { token, mysqlPassword, authorization, tokens, "set-cookie": cookie } = JSON.parse(lines[0]!);
  assert.deepEqual([token, mysqlPassword, authorization, cookie], Array(4).fill("[redacted]"));
  assert.equal(tokens, 4);
});

Deno.test("no line holds a secret setting, wherever it stands", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((c) => String.fromCharCode(c)),
    minLength: 8,
  });
  fc.assert(fc.property(printable, fc.string(), fc.string(), (hidden, before, after) => {
    const lines: string[] = [];
    const put = (line: string) => lines.push(line);
    const now = () => new Date(0);
    const report = createLogger({ level: "debug", format: "json", redactor: redactor([hidden]), now, put });
    report({
      level: "info",
      component: "c",
      event: "e",
      message: before + hidden + after,
      fields: { a: hidden },
    });
    const { message, a } = JSON.parse(lines[0]!);
    assert.ok(!message.includes(hidden) || "[redacted]".includes(hidden), message);
    assert.equal(a, "[redacted]");
  }));
});

Deno.test("secretsOf() knows every secret setting, and the token is one", () => {
  const environment = { MYSQL_URL: "mysql://al:p%40ss@db/s", KAFKA_PASSWORD: "hidden" };
  const values = readSettings({ args: ["--token", "12345678"], environment, readText: () => "" });
  const found = ["12345678", "hidden", "mysql://al:p%40ss@db/s", "p%40ss", "p@ss"];
  assert.deepEqual(secretsOf(values).sort(), found.sort());
  assert.ok(settings.filter(({ note }) => note.isSecret).length >= 4);
});

const formats = [
  [[], {}, "pretty"],
  [["cluster", "--log-format", "json"], {}, "json"],
  [["--log-format=json"], {}, "json"],
  [[], { SENSORIUM_LOG_FORMAT: "json" }, "json"],
  [["--log-format", "pretty"], { SENSORIUM_LOG_FORMAT: "json" }, "pretty"],
  [["--log-format", "xml"], {}, "pretty"],
  [["--log-format"], {}, "pretty"],
] as const;

Deno.test("askedFormat() finds what flags and variables ask for, like the settings", () => {
  for (const [args, environment, format] of formats) assert.equal(askedFormat(args, environment), format);
});

Deno.test("lastWord() is a bare sentence for a person, and a line like all others for a collector", () => {
  const lines: string[] = [];
  for (const format of ["pretty", "json"] as const) {
    lastWord(
      { component: "node", event: "refused", message: "No." },
      format,
      redactor([]),
      (line) => lines.push(line),
    );
  }
  assert.equal(lines[0], "No.");
  const { time: _, ...rest } = JSON.parse(lines[1]!);
  assert.deepEqual(rest, { level: "error", component: "node", event: "refused", message: "No." });
});

Deno.test("withRequestLog() tells of a request, and not of its parameters", async () => {
  const told: unknown[] = [];
  let nowMs = 0;
  const answer = () => {
    nowMs += 12.34;
    return new Response(null, { status: 404 });
  };
  const fetch = withRequestLog(answer, (sentence, facts) => told.push(sentence, facts), () => nowMs);
  const response = await fetch(new Request("http://host/live?token=hidden", { method: "GET" }));
  assert.equal(response.status, 404);
  assert.deepEqual(told, [
    "GET /live was answered with 404 in 12.3 ms.",
    { method: "GET", path: "/live", status: 404, durationMs: 12.3 },
  ]);
});
