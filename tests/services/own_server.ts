/** Servers of a test's own, which it may kill and stop: on free ports, in a folder that goes with them. */

import { join } from "node:path";
import { type KafkaOptions, startKafka } from "../../deploy/services/kafka.ts";
import { type MariadbOptions, startMariadb } from "../../deploy/services/mariadb.ts";
import { type RedisOptions, startRedis } from "../../deploy/services/redis.ts";
import type { Server } from "../../deploy/services/server.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { startMysql8 } from "./mysql8.ts";
import { skipUnlessInstalled } from "./required.ts";

/** To be passed as a test's `ignore`. */
export function skipUnlessServersInstalled(test: string, kinds: readonly OwnServerKind[]): boolean {
  return skipUnlessInstalled(test, kinds.flatMap((kind) => programs[kind]));
}

const programs = {
  kafka: ["java", "openssl"],
  mariadb: ["mariadbd", "mariadb-install-db", "openssl"],
  redis: ["redis-server", "openssl"],
  mysql8: ["python3", "tar"],
} as const;

export type OwnServerKind = keyof typeof programs;

/** `server` is killed, and its folder removed, at the end of the block. */
export interface OwnServer extends AsyncDisposable {
  readonly server: Server;
}

/** Ports that are left out are free ones. */
export function ownKafka(options: Partial<KafkaOptions> = {}): Promise<OwnServer> {
  const ports = { port: freePort(), controllerPort: freePort() };
  return own("kafka", (folder) => startKafka({ ...ports, folder, ...options }));
}

export function ownMariadb(options: Partial<MariadbOptions> = {}): Promise<OwnServer> {
  const usual = { port: freePort(), databases: ["sensorium_test"] } as const;
  return own("mariadb", (folder) => startMariadb({ ...usual, folder, ...options }));
}

export function ownRedis(options: Partial<RedisOptions> = {}): Promise<OwnServer> {
  return own("redis", (folder) => startRedis({ port: freePort(), folder, ...options }));
}

export function ownMysql8(): Promise<OwnServer> {
  return own("mysql8", (folder) => startMysql8(folder, freePort()));
}

async function own(kind: OwnServerKind, start: (folder: string) => Promise<Server>): Promise<OwnServer> {
  const root = await Deno.makeTempDir({ prefix: `sensorium-${kind}-` });
  const remove = () => Deno.remove(root, { recursive: true });
  try {
    const server = await start(join(root, kind));
    const end = async () => {
      await server.kill();
      await remove();
    };
    return { server, [Symbol.asyncDispose]: end };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}
