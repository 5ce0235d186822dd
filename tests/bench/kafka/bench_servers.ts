/** Kafka and MariaDB of a run's own, which all of its figures share. */

import type { Server } from "../../../deploy/services/server.ts";
import { ownKafka, ownMariadb } from "../../services/own_server.ts";

export interface BenchServers extends AsyncDisposable {
  readonly brokers: string;
  /** To be stopped and started by a figure. */
  readonly servers: { readonly kafka: Server; readonly mariadb: Server };
  /** By the name that rows tell. */
  readonly pids: ReadonlyMap<string, number>;
  /** What makes a node use them: with topics, groups and a database of its own, called `name`. */
  environment(name: string): Readonly<Record<string, string>>;
}

export async function startServers(): Promise<BenchServers> {
  await using stack = new AsyncDisposableStack();
  const { server: kafka } = stack.use(await ownKafka());
  const { server: mariadb } = stack.use(await ownMariadb());
  const servers = stack.move();
  // A second call waits for what the first is doing: a signal, and the run that fails for it, both end them.
  let ending: Promise<void> | null = null;
  const urlOf = (database: string) => {
    const url = new URL(mariadb.address);
    url.pathname = `/${database}`;
    return url.href;
  };
  return {
    brokers: kafka.address,
    servers: { kafka, mariadb },
    get pids() {
      return new Map([["Kafka", kafka.pid], ["MariaDB", mariadb.pid]]);
    },
    environment: (name) => ({
      KAFKA_BROKERS: kafka.address,
      MYSQL_URL: urlOf(name),
      SENSORIUM_PREFIX: name,
      // A developer's own is no part of these figures.
      REDIS_URL: "",
    }),
    [Symbol.asyncDispose]: () => ending ??= servers.disposeAsync(),
  };
}
