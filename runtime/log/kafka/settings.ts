/** How a Kafka cluster is reached. */

export type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512";

export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Null: no TLS. `ca`: PEM text of what is trusted instead of the system's authorities. */
  readonly tls: { readonly ca: string | null } | null;
  readonly sasl: {
    readonly mechanism: SaslMechanism;
    readonly username: string;
    readonly password: string;
  } | null;
  /** First part of every topic's and group's name: `<prefix>.mailbox`. */
  readonly prefix: string;
}

export const mailboxTopic = ({ prefix }: KafkaSettings): string => `${prefix}.mailbox`;

/** Kafka's consumer group, whose members are the nodes. */
export const nodesGroup = ({ prefix }: KafkaSettings): string => `${prefix}.nodes`;
