/** Kafka, MariaDB and Redis of a run alone, in its folder; and what tells a node where they are. */

import { join } from "node:path";
import { startKafka } from "../../deploy/services/kafka.ts";
import { startMariadb } from "../../deploy/services/mariadb.ts";
import { startRedis } from "../../deploy/services/redis.ts";
import type { Server } from "../../deploy/services/server.ts";
import { freePort } from "../services/free_port.ts";

export interface StageServers {
  readonly kafka: Server;
  readonly mariadb: Server;
  readonly redis: Server;
}

/** Resolves when all of them answer; when one does not, none is left. */
export async function startServers(folder: string): Promise<StageServers> {
  const at = (name: string) => ({ folder: join(folder, name), port: freePort() });
  const starts = [
    startKafka({ ...at("kafka"), controllerPort: freePort() }),
    startMariadb({ ...at("mariadb"), databases: ["sensorium"] }),
    startRedis(at("redis")),
  ] as const;
  const outcomes = await Promise.allSettled(starts);
  if (outcomes.some(({ status }) => status === "rejected")) {
    for (const outcome of outcomes) if (outcome.status === "fulfilled") await outcome.value.kill();
  }
  const [kafka, mariadb, redis] = await Promise.all(starts);
  return { kafka, mariadb, redis };
}

/** As a node reads it. */
export function environmentOf({ kafka, mariadb, redis }: StageServers): Readonly<Record<string, string>> {
  return { KAFKA_BROKERS: kafka.address, MYSQL_URL: mariadb.address, REDIS_URL: redis.address };
}

export async function killServers({ kafka, mariadb, redis }: StageServers): Promise<void> {
  await Promise.all([kafka, mariadb, redis].map((server) => server.kill()));
}
