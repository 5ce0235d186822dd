/** Logs on Kafka as tests open them. */

import type { Agreement } from "../../../runtime/core/cluster.ts";
import { KafkaLog, type KafkaLogOptions } from "../../../runtime/log/kafka/kafka_log.ts";
import type { KafkaSettings } from "../../../runtime/log/kafka/settings.ts";
import { serverAddress, uniqueName } from "../../services/servers.ts";

/** On the shared server, with names of its own. */
export const sharedSettings = (): KafkaSettings => ({
  brokers: serverAddress("kafka").split(","),
  tls: null,
  sasl: null,
  prefix: uniqueName("log"),
});

export type TestLogOptions =
  & Pick<KafkaLogOptions, "settings" | "shards">
  & Partial<KafkaLogOptions>;

/** The only node unless told otherwise; it has joined. */
export async function openKafkaLog(options: TestLogOptions): Promise<KafkaLog> {
  const log = await KafkaLog.open({
    topics: [],
    expected: null,
    member: { name: uniqueName("node"), url: "", dead: [] },
    onAgreed: (_: Agreement) => {},
    onWaiting: () => {},
    report: console.error,
    ...options,
  });
  try {
    await log.members.join();
    return log;
  } catch (thrown) {
    await log.close();
    throw thrown;
  }
}
