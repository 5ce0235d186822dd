/** The log's contract over Kafka. */

import type { KafkaSettings } from "../../../runtime/log/kafka/settings.ts";
import { KafkaLog } from "../../../runtime/log/kafka/kafka_log.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../../services/servers.ts";
import { logContract } from "../log_contract.ts";

const settings = (): KafkaSettings => ({
  brokers: serverAddress("kafka").split(","),
  tls: null,
  sasl: null,
  prefix: uniqueName("log"),
});
const onWaiting = (sentence: string | null) => console.error(sentence);

if (!skipUnlessServed("The log's contract over Kafka", ["kafka"])) {
  logContract("KafkaLog", async (shards) => {
    const log = await KafkaLog.open({
      settings: settings(),
      shards,
      topics: [],
      expected: null,
      onWaiting,
      report: onWaiting,
    });
    return { log, other: () => log.client(), dispose: () => log.close() };
    // `kafkajs` goes on checking a connection's requests for a moment after it was closed.
  }, false);
}
