/** What the settings of several nodes must be like to go together, and with the others. */

import { httpUrl, isWildcard } from "./http_url.ts";
import { Refusal } from "./refusal.ts";
import type { Settings } from "../settings.ts";

const maxPort = 65_535;

/** Throws a `Refusal`. */
export function checkNodes(settings: Settings): void {
  const { nodes, kafkaBrokers, advertise } = settings;
  if (nodes > 1) checkSeveral(settings);
  if (kafkaBrokers !== undefined) return checkReachable(settings);
  if (advertise !== undefined) {
    throw new Refusal(
      "Cannot start: --advertise is given and KAFKA_BROKERS is not set. A node on its folder is alone: nobody else " +
        "has to reach it.",
    );
  }
}

function checkSeveral({ nodes, port, adminPort, advertise, kafkaBrokers, mysqlUrl }: Settings): void {
  const missing = Object.entries({ KAFKA_BROKERS: kafkaBrokers, MYSQL_URL: mysqlUrl })
    .filter(([, value]) => value === undefined).map(([name]) => name);
  if (missing.length > 0) {
    const [verb, both] = missing.length > 1 ? ["are", "both"] : ["is", "it"];
    throw new Refusal(
      `Cannot start ${nodes} nodes: ${
        missing.join(" and ")
      } ${verb} not set. Several nodes share mailboxes through ` +
        `Kafka and state through MySQL; set ${both}, or start one node.`,
    );
  }
  const last = adminPort + nodes - 1;
  if (last > maxPort) {
    throw new Refusal(
      `Cannot start ${nodes} nodes: their admin ports would be ${adminPort} to ${last}, and ${maxPort} is the last ` +
        `there is. Give an --admin-port of at most ${maxPort - nodes + 1}.`,
    );
  }
  if (adminPort !== 0 && port >= adminPort && port <= last) {
    throw new Refusal(
      `Cannot start ${nodes} nodes: their admin ports are ${adminPort} to ${last}, and --port is ${port}. Give one ` +
        "outside of them.",
    );
  }
  if (advertise?.includes("/")) {
    throw new Refusal(
      `Cannot start ${nodes} nodes: --advertise is ${advertise}, the address of one. Give a host: each node adds its ` +
        "own admin port.",
    );
  }
}

function checkReachable({ host, advertise }: Settings): void {
  if (!isWildcard(host) || advertise !== undefined) return;
  throw new Refusal(
    `Cannot start: --host is ${host}, and nodes on other machines would not know where to reach this one. Say it with ` +
      "--advertise, such as --advertise 10.0.0.3; or give that as --host.",
  );
}

/** Of nodes that have nothing to do; null when all of them have. */
export function idleNodes({ nodes, shards }: Settings): string | null {
  if (nodes <= shards) return null;
  return `${nodes} nodes share ${shards} shards: ${
    nodes - shards
  } of them only pass on what the others fold.`;
}

/** Where the other nodes reach one, without a slash at the end. */
export function memberUrl({ advertise, host }: Settings, adminPort: number): string {
  if (advertise?.includes("/")) return new URL(advertise).origin;
  return httpUrl(advertise ?? host, adminPort);
}
