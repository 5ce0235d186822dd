/** The log's contract over Kafka. */

import { skipUnlessServed } from "../../services/servers.ts";
import { logContract } from "../log_contract.ts";
import { openKafkaLog, sharedSettings } from "./kafka_logs.ts";

if (!skipUnlessServed("The log's contract over Kafka", ["kafka"])) {
  logContract("KafkaLog", async (shards) => {
    const log = await openKafkaLog({ settings: sharedSettings(), shards, onWaiting: console.error });
    return { log, other: () => log.client(), dispose: () => log.close() };
    // `close` gives up on brokers after `closeDeadlineMs`, which one on a busy machine exceeds. What `kafkajs` 2.2.4 has set
    // by then ends only when they answer: src/network/requestQueue/index.js:91 and :317, and the sleep of
    // src/consumer/consumerGroup.js:491. It has no way to end at once.
  }, false);
}
