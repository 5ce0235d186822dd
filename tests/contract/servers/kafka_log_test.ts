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
    // `close` gives up on brokers after `closeDeadlineMs`, which one on a busy machine exceeds. What `kafkajs` 2.2.4 has set
    // by then ends only when they answer: src/network/requestQueue/index.js:91 and :317, and the sleep of
    // src/consumer/consumerGroup.js:491. It has no way to end at once.
  }, false);
}
