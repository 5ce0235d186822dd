/** `kafkajs` as everything here uses it: quiet, with our time limits, TLS and SASL. */

import {
  Kafka,
  type KafkaConfig,
  type LogEntry,
  logLevel,
  type RetryOptions,
  type SASLOptions,
} from "kafkajs";
import { readCompressed } from "./codecs.ts";
import { useOneSocketAtATime } from "./connections.ts";
import { readBatchesOurselves } from "./fetch_response.ts";
import { authenticationTimeoutMs, connectionTimeoutMs, requestTimeoutMs } from "./limits.ts";
import { goOnWithoutLostBrokers } from "./lost_brokers.ts";
import { lookOnlyForWaiting } from "./request_timers.ts";
import type { KafkaSettings } from "./settings.ts";

export interface ClientOptions {
  /** By which the brokers know its connections; the prefix unless told otherwise. */
  readonly clientId?: string;
  /**
   * Gets what the library logs at level ERROR. It logs as errors what happens all the time, so nothing of it is for a
   * person.
   */
  readonly hear?: (entry: LogEntry) => void;
}

/** `retry` is for connections, whatever its producers and consumers do. */
export function kafkaClient(
  settings: KafkaSettings,
  retry: RetryOptions,
  { clientId = settings.prefix, hear = () => {} }: ClientOptions = {},
): Kafka {
  lookOnlyForWaiting();
  readBatchesOurselves();
  goOnWithoutLostBrokers();
  useOneSocketAtATime();
  readCompressed();
  const { brokers, tls, sasl } = settings;
  const config: KafkaConfig = {
    clientId,
    brokers: [...brokers],
    connectionTimeout: connectionTimeoutMs,
    authenticationTimeout: authenticationTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry,
    logLevel: logLevel.ERROR,
    logCreator: () => hear,
  };
  if (tls !== null) config.ssl = tls.ca === null ? true : { ca: [tls.ca] };
  if (sasl !== null) config.sasl = saslOf(sasl);
  return new Kafka(config);
}

function saslOf({ mechanism, username, password }: NonNullable<KafkaSettings["sasl"]>): SASLOptions {
  switch (mechanism) {
    case "plain":
      return { mechanism, username, password };
    case "scram-sha-256":
      return { mechanism, username, password };
    case "scram-sha-512":
      return { mechanism, username, password };
    default:
      return mechanism satisfies never;
  }
}
