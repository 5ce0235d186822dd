/** What errors of `kafkajs` mean: a sentence without secrets, and whether trying again can help. */

import { errorMessage } from "../../core/errors.ts";
import { LogError } from "../port.ts";
import type { KafkaSettings } from "./settings.ts";

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
const notTls = /corrupt message|InvalidContentType|wrong version number|unexpected message|packet length/i;
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
  if (settings.tls !== null && notTls.test(text)) {
    return refused(
      `Kafka at ${at} does not speak TLS on this port: ${text}. Name a TLS port, or turn TLS off.`,
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

/** What a person is told while the brokers cannot be used. */
export function waitingSentence(thrown: unknown, settings: KafkaSettings): string {
  const closed = thrown instanceof Error && /Closed connection|closed by the server/.test(textOf(thrown));
  const hint = closed ? "; it closes connections at once, as one does that expects TLS or credentials" : "";
  return `Kafka at ${settings.brokers.join(", ")} does not answer: ${textOf(thrown)}${hint}.`;
}

export function unavailable(thrown: unknown, settings: KafkaSettings): LogError {
  if (thrown instanceof LogError) return thrown;
  return new LogError("unavailable", waitingSentence(thrown, settings), { cause: thrown });
}
