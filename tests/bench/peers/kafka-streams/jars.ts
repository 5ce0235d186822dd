/** What Kafka Streams runs on besides Kafka's own jars: what Maven resolves for `org.apache.kafka:kafka-streams`. */

import { type Jar, jarsOf, kafkaVersion } from "../../../../deploy/services/kafka_jars.ts";

/** That of the brokers. */
export const streamsVersion = kafkaVersion;

export const streamsJars: readonly Jar[] = jarsOf(`
415998b32e8627b3ce21ff87226c66f3313e9fc52eca2513a3600bf492e3cbac 2052311 org/apache/kafka/kafka-streams/4.1.2/kafka-streams-4.1.2.jar
5ca63e0e955f101f7af1c1fb8ce260b5d3a5701cea7d8c2852b9d56031a57221 70837810 org/rocksdb/rocksdbjni/9.7.3/rocksdbjni-9.7.3.jar
`);
