/** What `deno task services` fetches and installs, from a server and a package manager of the test. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Refusal } from "../../actors/cli/refusal.ts";
import { type DownloadProgress, fetchJars } from "../../deploy/services/download.ts";
import { type Jar, kafkaJars, kafkaVersion } from "../../deploy/services/kafka_jars.ts";
import { downloadTimeoutMs } from "../../deploy/services/limits.ts";
import { findProgram } from "../../deploy/services/programs.ts";
import { tempFolder, withFolder } from "../services/folder.ts";
import { skipUnlessServersInstalled } from "../services/own_server.ts";
import { assertRefused, runTask } from "./operations.ts";

const encoder = new TextEncoder();
const contents = Array.from({ length: 8 }, (_, n) => encoder.encode(`jar ${n} `.repeat(10_000)));
const jars: readonly Jar[] = contents.map((bytes, n) => ({
  path: `org/example/${n}/jar-${n}.jar`,
  bytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
}));
const names = jars.map((_, n) => `jar-${n}.jar`);

/** Its answers are by the jars' numbers; where there is none, the right bytes. */
class Repository implements AsyncDisposable {
  readonly asked: number[] = [];
  readonly answers = new Map<number, () => Response>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const number = Number(/jar-(\d)\.jar$/.exec(url)?.[1] ?? -1);
    this.asked.push(number);
    const right = contents[number];
    return this.answers.get(number)?.() ?? new Response(right ?? null, { status: right ? 200 : 404 });
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/maven/`;
  }

  get environment(): Readonly<Record<string, string>> {
    return { MAVEN_REPOSITORY_URL: this.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

class Heard implements DownloadProgress {
  readonly begun: (readonly [files: number, bytes: number])[] = [];
  bytes = 0;
  ends = 0;

  begin(files: number, bytes: number): void {
    this.begun.push([files, bytes]);
  }

  onBytes(bytes: number): void {
    this.bytes += bytes;
  }

  end(): void {
    this.ends++;
  }
}

const filesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
const sizeOf = (those: readonly Jar[]) => those.reduce((sum, { bytes }) => sum + bytes, 0);

Deno.test("fetchJars() tells how much there is and comes, and fetches nothing twice", () =>
  withFolder(async (folder) => {
    await using repository = await Promise.resolve(new Repository());
    const heard = new Heard();
    await fetchJars(jars, folder, repository.environment, heard);
    assert.deepEqual(filesIn(folder), names);
    assert.deepEqual([heard.begun, heard.bytes, heard.ends], [[[8, sizeOf(jars)]], sizeOf(jars), 1]);
    await fetchJars(jars, folder, repository.environment, heard);
    assert.deepEqual([heard.begun.length, repository.asked.length], [1, jars.length]);
  }));

/** A server that answers one request with the beginning of a file. */
function breakingOff(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answer = async () => {
    using connection = await listener.accept();
    listener.close();
    await connection.read(new Uint8Array(4096));
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${jars[3]!.bytes}\r\n\r\n`;
    await connection.write(encoder.encode(`${head}jar 3 jar`));
  };
  void answer();
  return `http://127.0.0.1:${listener.addr.port}/`;
}

const broken: readonly (readonly [string, () => Response, RegExp])[] = [
  [
    "is another one",
    () => new Response("<html>Please log in"),
    /^Cannot use http:\/\/127\.0\.0\.1:\d+\/maven\/org\/example\/3\/jar-3\.jar: it is not the file that was expected/,
  ],
  [
    "breaks off",
    () => Response.redirect(breakingOff()),
    /^Cannot fetch http:\S+\/jar-3\.jar: .*set MAVEN_REPOSITORY_URL to a mirror/,
  ],
  [
    "is not there",
    () => new Response("no", { status: 404 }),
    /^Cannot fetch http:\S+\/jar-3\.jar: the answer was 404/,
  ],
];

for (const [how, answer, sentence] of broken) {
  Deno.test(`fetchJars() refuses a file that ${how}, leaves nothing of it, and fetches it the next time`, () =>
    withFolder(async (folder) => {
      await using repository = await Promise.resolve(new Repository());
      repository.answers.set(3, answer);
      const heard = new Heard();
      await assert.rejects(fetchJars(jars, folder, repository.environment, heard), (thrown) => {
        assert.ok(thrown instanceof Refusal);
        assert.match(thrown.message, sentence);
        return true;
      });
      const left = filesIn(folder);
      assert.deepEqual(left.filter((name) => !names.includes(name) || name === names[3]), []);
      assert.equal(heard.ends, 1);

      repository.answers.clear();
      await fetchJars(jars, folder, repository.environment, heard);
      assert.deepEqual(filesIn(folder), names);
      assert.equal(heard.begun[1]?.[0], jars.length - left.length);
    }));
}

Deno.test("fetchJars() removes what a killed process has left, and nothing that another may be fetching", () =>
  withFolder(async (folder) => {
    await using repository = await Promise.resolve(new Repository());
    const [old, fresh] = ["jar-0.jar.a.part", "jar-0.jar.b.part"];
    for (const name of [old, fresh]) Deno.writeTextFileSync(join(folder, name), "half");
    const longAgo = new Date(Date.now() - 3 * downloadTimeoutMs);
    Deno.utimeSync(join(folder, old), longAgo, longAgo);
    await fetchJars(jars, folder, repository.environment, new Heard());
    assert.deepEqual(filesIn(folder), [...names, fresh].sort());
  }));

/** A folder of programs, which is all that is on the PATH of a task: those of the system by their names, and scripts. */
async function programs(
  folder: string,
  system: readonly string[],
  scripts: Readonly<Record<string, string>>,
): Promise<string> {
  const path = join(folder, "bin");
  await Deno.mkdir(path);
  await Deno.symlink(Deno.execPath(), join(path, "deno"));
  for (const name of system) await Deno.symlink(findProgram(name)!, join(path, name));
  for (const [name, text] of Object.entries(scripts)) {
    await Deno.writeTextFile(join(path, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }
  return path;
}

/** As Debian's, of a system that has Java 21 and not 17. */
const aptCache = 'test "$2" != openjdk-21-jre-headless || echo "Package: $2"';

function up(folder: string, path: string, environment: Readonly<Record<string, string>>, ...args: string[]) {
  // Of Deno itself, which looks for its own below the other, too.
  const { DENO_DIR = join(Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME")!, ".cache"), "deno") } =
    Deno.env
      .toObject();
  const more = { PATH: path, JAVA_HOME: "", DENO_DIR, XDG_CACHE_HOME: join(folder, "cache"), ...environment };
  return runTask("services", ["up", "--data", join(folder, "servers"), ...args], more);
}

Deno.test("services up names the packages that are missing, and installs none unless it is told to", async () => {
  await using folder = await tempFolder();
  const path = await programs(folder.path, [], { "apt-cache": aptCache });
  const sentence = (list: string) =>
    new RegExp(
      `this system lacks ${list.replaceAll(" ", ", ")}\\. .*--no-install-recommends ${list} \\(as root, `,
    );
  assertRefused(await up(folder.path, path, {}, "--only", "kafka"), sentence("openjdk-21-jre-headless"));
  const none = /there is no apt-get here\. Install Java|would have to be run by root/;
  assertRefused(await up(folder.path, path, {}, "--only", "kafka", "--install"), none);
});

Deno.test("services up says how much of Kafka it fetches, and from where when it cannot", async () => {
  await using folder = await tempFolder();
  await using repository = new Repository();
  const path = await programs(folder.path, [], { java: "" });
  const end = await up(folder.path, path, repository.environment, "--only", "kafka");
  assert.equal(end.code, 2, end.errors);
  const [fetching, refusal, ...rest] = end.errors.trim().split("\n");
  assert.match(
    fetching!,
    new RegExp(`^Kafka ${kafkaVersion}: fetching ${kafkaJars.length} files, 42\\.4 MiB \\.\\.\\.$`),
  );
  assert.match(refusal!, /^Cannot fetch http:\/\/127\.0\.0\.1:\d+\/maven\/\S+\.jar: the answer was 404 .*/);
  assert.deepEqual([rest, end.output], [[], ""]);
});

Deno.test({
  name: "services up --install installs what is missing, says so, and starts it",
  ignore: Deno.uid() !== 0 || skipUnlessServersInstalled("An installation", ["redis"]),
  async fn() {
    await using folder = await tempFolder();
    const told = join(folder.path, "told");
    const installs = `echo "$@" >> ${told}
      test "$1" != install || ln -s ${findProgram("redis-server")} "$(dirname "$0")/redis-server"`;
    const system = ["env", "sh", "ln", "dirname", "cat", "setsid", "ps"].filter((name) =>
      findProgram(name) !== null
    );
    const path = await programs(folder.path, system, { "apt-get": installs, "apt-cache": aptCache });
    const only = ["--only", "redis"];
    try {
      const end = await up(folder.path, path, {}, ...only, "--redis-port", "0", "--install");
      assert.equal(end.code, 0, end.errors);
      assert.match(
        end.errors,
        /^Reading the lists of packages \.\.\.\nInstalling redis-server \.\.\.\nRedis: starting \.\.\.\nRedis: answers on /,
      );
      assert.deepEqual(Deno.readTextFileSync(told).trim().split("\n"), [
        "update -qq",
        "install -y -qq --no-install-recommends redis-server",
      ]);
    } finally {
      await runTask("services", ["down", "--delete", "--data", join(folder.path, "servers"), ...only]);
    }
  },
});
