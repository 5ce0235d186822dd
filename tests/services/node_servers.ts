/** Kafka, MariaDB and Redis of a run or a test alone, in its folder; and what tells a node where they are. */

import { join } from "node:path";
import { prepareKafka } from "../../deploy/services/kafka.ts";
import { prepareMariadb } from "../../deploy/services/mariadb.ts";
import { prepareRedis } from "../../deploy/services/redis.ts";
import type { Server } from "../../deploy/services/server.ts";
import { freePort } from "./free_port.ts";

export interface NodeServers {
  readonly kafka: Server;
  readonly mariadb: Server;
  readonly redis: Server;
}

/** Of MySQL, and of Redis the password: nothing that a node writes may hold it. */
export const account = { name: "node", password: "not-to-be-shown" };

/** All but their start. */
export async function prepareServers(folder: string): Promise<NodeServers> {
  const at = (name: string) => ({ folder: join(folder, name), port: freePort() });
  const [kafka, mariadb, redis] = await Promise.all([
    prepareKafka({ ...at("kafka"), controllerPort: freePort() }),
    prepareMariadb({ ...at("mariadb"), databases: ["sensorium"], user: account }),
    prepareRedis({ ...at("redis"), password: account.password }),
  ]);
  return { kafka, mariadb, redis };
}

/** Resolves when all of them answer; when one does not, none is left. */
export async function startServers(folder: string): Promise<NodeServers> {
  const servers = await prepareServers(folder);
  try {
    await Promise.all([servers.kafka, servers.mariadb, servers.redis].map((server) => server.start()));
    return servers;
  } catch (thrown) {
    await killServers(servers);
    throw thrown;
  }
}

/** As a node reads it. */
export function environmentOf({ kafka, mariadb, redis }: NodeServers): Readonly<Record<string, string>> {
  const url = new URL(mariadb.address);
  [url.username, url.password] = [account.name, account.password];
  return { KAFKA_BROKERS: kafka.address, MYSQL_URL: url.href, REDIS_URL: redis.address };
}

export async function killServers({ kafka, mariadb, redis }: NodeServers): Promise<void> {
  await Promise.all([kafka, mariadb, redis].map((server) => server.kill()));
}
