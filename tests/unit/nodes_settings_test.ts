/** Which settings of several nodes go together, what is said of those that do not, and how nodes and lives are called. */

import assert from "node:assert/strict";
import { idleNodes, memberUrl } from "../../actors/cli/check_nodes.ts";
import { folderOf, lifeName, nodeId } from "../../actors/cli/life.ts";
import { readSettings } from "../../actors/cli/read_settings.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import type { Settings } from "../../actors/settings.ts";

const onServers = { KAFKA_BROKERS: "k:9092", MYSQL_URL: "mysql://u@m/d" };

function read(flags: string, environment: Readonly<Record<string, string>> = onServers): Settings {
  const args = flags === "" ? [] : flags.split(" ");
  return readSettings({ args, environment, readText: () => assert.fail("no file is named") });
}

const refused: readonly (readonly [flags: string, environment: Record<string, string>, sentence: RegExp])[] =
  [
    [
      "--nodes 3",
      {},
      /^Cannot start 3 nodes: KAFKA_BROKERS and MYSQL_URL are not set\. Several nodes .*; set both, or start one node\.$/,
    ],
    [
      "--nodes 3",
      { MYSQL_URL: "mysql://u@m/d" },
      /^Cannot start 3 nodes: KAFKA_BROKERS is not set\. .*; set it, or start one node\.$/,
    ],
    ["--nodes 0", onServers, /--nodes is "0"; give a whole number from 1 to 32\.$/],
    ["--nodes 33", onServers, /--nodes is "33"/],
    [
      "--nodes 3 --admin-port 65534",
      onServers,
      /would be 65534 to 65536, .* Give an --admin-port of at most 65533\.$/,
    ],
    ["--nodes 3 --port 9466", onServers, /admin ports are 9464 to 9466, and --port is 9466\./],
    ["--nodes 2 --advertise http://10.0.0.3:9464", onServers, /the address of one\. Give a host/],
    ["--advertise 10.0.0.3", {}, /--advertise is given and KAFKA_BROKERS is not set\./],
    ["--insecure --host 0.0.0.0", onServers, /--host is 0\.0\.0\.0, .* Say it with --advertise, such as/],
    ["--insecure --host ::", onServers, /--host is ::/],
    [
      "--advertise 0.0.0.0",
      onServers,
      /--advertise is "0\.0\.0\.0"; give a host name or address, such as 10\.0\.0\.3/,
    ],
    ["--advertise 10.0.0.3:9464", onServers, /--advertise is "10\.0\.0\.3:9464"/],
    ["--advertise http://10.0.0.3/path", onServers, /--advertise is "http:\/\/10\.0\.0\.3\/path"/],
    ["--advertise ftp://10.0.0.3", onServers, /--advertise is "ftp:/],
  ];

for (const [flags, environment, sentence] of refused) {
  const where = Object.keys(environment).join(" and ") || "no server";
  Deno.test(`readSettings() refuses ${flags} with ${where}`, () => {
    assert.throws(
      () => read(flags, environment),
      (error) => error instanceof Refusal && sentence.test(error.message) || assert.fail(`${error}`),
    );
  });
}

Deno.test("readSettings() takes several nodes when there are servers", () => {
  const { nodes, port, adminPort } = read("--nodes 3 --port 0 --admin-port 0");
  assert.deepEqual([nodes, port, adminPort], [3, 0, 0]);
});

const reached: readonly (readonly [flags: string, url: string])[] = [
  ["", "http://127.0.0.1:9464"],
  ["--insecure --host ::1", "http://[::1]:9464"],
  ["--insecure --host 10.0.0.3", "http://10.0.0.3:9464"],
  ["--insecure --host 0.0.0.0 --advertise node-a.example", "http://node-a.example:9464"],
  ["--advertise fd00::3", "http://[fd00::3]:9464"],
  ["--advertise https://node-a.example/", "https://node-a.example"],
  ["--advertise http://10.0.0.3:80", "http://10.0.0.3"],
];

for (const [flags, url] of reached) {
  Deno.test(`memberUrl() is ${url} with ${flags || "no flags"}`, () => {
    assert.equal(memberUrl(read(flags), 9464), url);
  });
}

Deno.test("idleNodes() tells of nodes that get no shard", () => {
  assert.equal(idleNodes(read("--nodes 8")), null);
  assert.match(idleNodes(read("--nodes 9 --shards 4")) ?? "", /^9 nodes share 4 shards: 5 of them/);
});

Deno.test("folderOf() is each node's own where there are several", () => {
  const life = { name: "vm/node-0", index: 0, nodes: 1, port: 0, adminPort: 0, dead: [], isRelieved: false };
  assert.equal(folderOf(life, "/logs"), "/logs");
  const folders = [0, 1].map((index) => folderOf({ ...life, nodes: 2, index }, "/logs"));
  assert.deepEqual(folders, ["/logs/node-0", "/logs/node-1"]);
});

Deno.test("lifeName() tells the machine, its node and the life apart", () => {
  const unique = "0189f7a2-0000-4000-8000-000000000000";
  assert.equal(lifeName("vm", nodeId(2), unique), "vm/node-2/0189f7a2");
});
