/** What errors of `kafkajs` mean: a sentence without secrets, and whether trying again can help. */

import { errorMessage } from "../../core/errors.ts";
import { LogError } from "../port.ts";
import { type KafkaSettings, nodesGroup } from "./settings.ts";

/** The innermost cause: what happened, below what was tried. */
function rootOf(thrown: unknown): unknown {
  let root = thrown;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  return root;
}

function textOf(thrown: unknown): string {
  return errorMessage(rootOf(thrown)).replace(/\.$/, "");
}

export function typeOf(thrown: unknown): string {
  const root = rootOf(thrown);
  return root instanceof Error && "type" in root && typeof root.type === "string" ? root.type : "";
}

const certificate = /certificate|UnknownIssuer|SELF_SIGNED|UNABLE_TO_VERIFY|CERT_/i;
const denied: ReadonlySet<string> = new Set([
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
]);

/** A `LogError` "refused" when no repetition cures what was thrown; null when one may. */
export function refusalOf(thrown: unknown, settings: KafkaSettings): LogError | null {
  if (thrown instanceof LogError) return thrown.code === "refused" ? thrown : null;
  const root = rootOf(thrown);
  const at = settings.brokers.join(", ");
  const text = textOf(thrown);
  const refused = (sentence: string) => new LogError("refused", sentence, { cause: thrown });
  if (root instanceof Error && root.name === "KafkaJSSASLAuthenticationError") {
    return refused(
      `Kafka at ${at} refuses the user name or the password, or does not know ${settings.sasl?.mechanism}: ` +
        `${text}.`,
    );
  }
  if (typeOf(thrown) === "ILLEGAL_SASL_STATE" || typeOf(thrown) === "UNSUPPORTED_SASL_MECHANISM") {
    return refused(
      `Kafka at ${at} takes no user name by ${settings.sasl?.mechanism} on this port: ${text}. ` +
        "Name a port that does, or another mechanism.",
    );
  }
  if (settings.tls !== null && certificate.test(text)) {
    return refused(
      `Kafka at ${at} shows a certificate that is not trusted: ${text}. Name the authority that signed it.`,
    );
  }
  if (denied.has(typeOf(thrown))) {
    return refused(`Kafka at ${at} does not allow this user what it needs: ${text}.`);
  }
  return null;
}

/** The broker hung up before it said anything: it speaks another protocol on this port, or is starting or ending. */
export function isClosedAtOnce(thrown: unknown): boolean {
  return /Closed connection|closed by the server|disconnected before secure TLS/.test(textOf(thrown));
}

/** What a person is told while the brokers cannot be used. */
export function waitingSentence(thrown: unknown, settings: KafkaSettings): string {
  const at = settings.brokers.join(", ");
  if (typeOf(thrown) !== "") return `Kafka at ${at} answers with an error: ${textOf(thrown)}.`;
  if (!isClosedAtOnce(thrown)) return `Kafka at ${at} does not answer: ${textOf(thrown)}.`;
  const does = settings.tls === null ? "without TLS" : "by TLS";
  const and = settings.sasl === null ? "without a user name" : `as ${settings.sasl.username}`;
  return `Kafka at ${at} closes the connection at once. It was asked ${does} and ${and}: ` +
    "see whether it expects that on this port.";
}

/** What a person is told of a node that its group does not take; null where that is not what is in the way. */
export function outsideSentence(thrown: unknown, settings: KafkaSettings): string | null {
  if (typeOf(thrown) !== "INCONSISTENT_GROUP_PROTOCOL") return refusalOf(thrown, settings)?.message ?? null;
  return `The group ${nodesGroup(settings)} has members that are no nodes of this version: ` +
    "stop them, or use another prefix.";
}

export function unavailable(thrown: unknown, settings: KafkaSettings): LogError {
  if (thrown instanceof LogError) return thrown;
  return new LogError("unavailable", waitingSentence(thrown, settings), { cause: thrown });
}
