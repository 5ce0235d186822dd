/** Kafka, MariaDB and Redis of a run or a test alone, in its folder; and what tells nodes where they are. */

import { join } from "node:path";
import { prepareBrokers } from "../../deploy/services/kafka.ts";
import { prepareMariadb } from "../../deploy/services/mariadb.ts";
import { prepareRedis } from "../../deploy/services/redis.ts";
import { loopback } from "../../deploy/services/limits.ts";
import type { Server } from "../../deploy/services/server.ts";
import { freePort } from "../../deploy/services/free_port.ts";

export interface NodeServers {
  /** The first of the brokers. */
  readonly kafka: Server;
  readonly brokers: readonly Server[];
  readonly mariadb: Server;
  readonly redis: Server;
}

/** Of MySQL, and of Redis the password: nothing that a node writes may hold it. */
export const account = { name: "node", password: "not-to-be-shown" };

export interface ServersOptions {
  /** 1, unless it is said that there are 3. */
  readonly brokers?: 1 | 3;
  /** The address that they listen on: the loopback one, unless told otherwise. */
  readonly host?: string;
}

/** All but their start. */
export async function prepareServers(
  folder: string,
  { brokers: count = 1, host = loopback }: ServersOptions = {},
): Promise<NodeServers> {
  const at = (name: string) => ({ folder: join(folder, name), host, port: freePort() });
  const brokerOptions = Array.from({ length: count }, (_, index) => {
    return { ...at(index === 0 ? "kafka" : `kafka-${index + 1}`), controllerPort: freePort() };
  });
  const [brokers, mariadb, redis] = await Promise.all([
    prepareBrokers(brokerOptions),
    prepareMariadb({ ...at("mariadb"), databases: ["sensorium"], user: account }),
    prepareRedis({ ...at("redis"), password: account.password }),
  ]);
  return { kafka: brokers[0]!, brokers, mariadb, redis };
}

function all({ brokers, mariadb, redis }: NodeServers): readonly Server[] {
  return [...brokers, mariadb, redis];
}

/** Resolves when all of them answer; when one does not, none is left. */
export async function startServers(folder: string, options: ServersOptions = {}): Promise<NodeServers> {
  const servers = await prepareServers(folder, options);
  try {
    await Promise.all(all(servers).map((server) => server.start()));
    return servers;
  } catch (thrown) {
    await killServers(servers);
    throw thrown;
  }
}

/** As a node reads it. */
export function environmentOf({ brokers, mariadb, redis }: NodeServers): Readonly<Record<string, string>> {
  const url = new URL(mariadb.address);
  [url.username, url.password] = [account.name, account.password];
  const addresses = brokers.map(({ address }) => address).join();
  return { KAFKA_BROKERS: addresses, MYSQL_URL: url.href, REDIS_URL: redis.address };
}

export async function killServers(servers: NodeServers): Promise<void> {
  await Promise.all(all(servers).map((server) => server.kill()));
}
