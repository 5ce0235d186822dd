/** Three brokers of Kafka that are one cluster, for a test of its own. */

import { join } from "node:path";
import { prepareBrokers } from "../../../deploy/services/kafka.ts";
import type { Server } from "../../../deploy/services/server.ts";
import type { KafkaSettings } from "../../../runtime/log/kafka/settings.ts";
import { freePort } from "../../../deploy/services/free_port.ts";

/** @param test gets the brokers in the order of their numbers, which begin with 1 */
export async function withThreeBrokers(
  test: (settings: KafkaSettings, brokers: readonly Server[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sensorium-brokers-" });
  let brokers: readonly Server[] = [];
  try {
    brokers = await prepareBrokers([1, 2, 3].map((number) => ({
      folder: join(folder, `${number}`),
      port: freePort(),
      controllerPort: freePort(),
    })));
    await Promise.all(brokers.map((broker) => broker.start()));
    const addresses = brokers.map(({ address }) => address);
    await test({ brokers: addresses, tls: null, sasl: null, prefix: "log" }, brokers);
  } finally {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await Deno.remove(folder, { recursive: true });
  }
}
