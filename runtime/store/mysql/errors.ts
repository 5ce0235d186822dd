/**
 * MySQL's errors as `StoreError`s: the code decides what the caller does next.
 *
 * Numbers: https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
 */

import { errorMessage, InvariantError } from "../../core/errors.ts";
import { StoreError, type StoreErrorCode } from "../port.ts";

export type Trouble =
  /** The connection is gone; what was not committed is undone. */
  | "lost"
  /** The transaction met another one: it is to be tried again. */
  | "again"
  /** A row that is written once is there, or a value does not fit: a broken invariant. */
  | "broken"
  | StoreErrorCode;

const troubles: Readonly<Record<number, Trouble>> = {
  1020: "again", // CHECKREAD
  1021: "full", // DISK_FULL
  1040: "unavailable", // CON_COUNT
  1044: "refused", // DBACCESS_DENIED
  1045: "refused", // ACCESS_DENIED
  1049: "refused", // BAD_DB
  1053: "lost", // SERVER_SHUTDOWN
  1054: "corrupt", // BAD_FIELD
  1062: "broken", // DUP_ENTRY
  1114: "full", // RECORD_FILE_FULL
  1129: "refused", // HOST_IS_BLOCKED
  1130: "refused", // HOST_NOT_PRIVILEGED
  1142: "refused", // TABLEACCESS_DENIED
  1146: "corrupt", // NO_SUCH_TABLE
  1153: "refused", // NET_PACKET_TOO_LARGE
  1158: "lost", // NET_READ_ERROR
  1159: "lost", // NET_READ_INTERRUPTED
  1160: "lost", // NET_ERROR_ON_WRITE
  1161: "lost", // NET_WRITE_INTERRUPTED
  1205: "again", // LOCK_WAIT_TIMEOUT
  1213: "again", // LOCK_DEADLOCK
  1227: "refused", // SPECIFIC_ACCESS_DENIED
  1251: "refused", // NOT_SUPPORTED_AUTH_MODE
  1264: "broken", // WARN_DATA_OUT_OF_RANGE
  1317: "lost", // QUERY_INTERRUPTED: only a KILL does that
  1406: "broken", // DATA_TOO_LONG
  1698: "refused", // ACCESS_DENIED_NO_PASSWORD
  1712: "corrupt", // INDEX_CORRUPT
  1927: "lost", // CONNECTION_KILLED
  4031: "lost", // CLIENT_INTERACTION_TIMEOUT
};

/** The connection is of no use any more. */
export class LostConnection extends Error {
  override readonly name = "LostConnection";
  readonly code = "lost";
}

/** The server's number of an error, or null when it is not the server's. */
export function serverErrno(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !("errno" in thrown) || typeof thrown.errno !== "number") return null;
  // Those of the system, as ECONNREFUSED, are negative.
  return thrown.errno > 0 && "sqlState" in thrown ? thrown.errno : null;
}

function clientCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
}

/** How TLS fails when the certificates are at fault; others are broken connections. */
const badCertificate =
  /invalid peer certificate|self.signed|unable to (verify|get)|CERT_|certificate|UnknownIssuer|PEM/i;

/** How TLS fails when the two have no version or cipher in common. */
const noCommonTls = /fatal alert: (HandshakeFailure|ProtocolVersion|InsufficientSecurity)/;

export function troubleOf(thrown: unknown): Trouble {
  if (thrown instanceof StoreError) return thrown.code;
  if (thrown instanceof InvariantError) return "broken";
  const errno = serverErrno(thrown);
  if (errno !== null) return troubles[errno] ?? "unavailable";
  if (clientCode(thrown) === "HANDSHAKE_NO_SSL_SUPPORT") return "refused";
  if (badCertificate.test(errorMessage(thrown)) || noCommonTls.test(errorMessage(thrown))) return "refused";
  // Errors of the network and the driver have a code; a mistake of this program has none.
  return clientCode(thrown) === "" ? "broken" : "lost";
}

const advice: Readonly<Record<number, string>> = {
  1044: "; grant the user all rights on that database",
  // The server says the same to a user who is to come by TLS, and does not.
  1045: "; correct the user or the password, or turn TLS on where the server wants it of that user",
  1130: "; allow the user to connect from this host",
  1142: "; grant the user all rights on the database",
  1153: "; raise the server's max_allowed_packet to 16M or more",
  1698: "; give the user a password, and name it",
};

function adviceFor(thrown: unknown, trouble: Trouble): string {
  const errno = serverErrno(thrown);
  if (errno !== null && advice[errno] !== undefined) return advice[errno];
  if (clientCode(thrown) === "HANDSHAKE_NO_SSL_SUPPORT") {
    return "; turn TLS on at the server, or connect without it";
  }
  if (noCommonTls.test(errorMessage(thrown))) {
    return "; let the server speak TLS 1.2 or later, with a cipher that is still thought safe";
  }
  if (trouble === "refused" && errno === null) {
    return "; name the authority that signed the server's certificate";
  }
  if (trouble === "full") return "; free some space on its disk";
  if (trouble === "corrupt") {
    return "; its tables are not as they were made: restore the database from a backup";
  }
  return "";
}

/** What `thrown` says, without a full stop. The driver's errors name the user and the address, never the password. */
export function said(thrown: unknown): string {
  const message = errorMessage(thrown) || clientCode(thrown) || "the connection failed";
  return message.replace(/\.$/, "");
}

/** `thrown` as the port promises it; `doing` completes "Cannot ...". */
export function storeError(thrown: unknown, doing: string): unknown {
  if (thrown instanceof StoreError || thrown instanceof InvariantError) return thrown;
  if (serverErrno(thrown) === null && clientCode(thrown) === "") return thrown;
  const trouble = troubleOf(thrown);
  const sentence = `Cannot ${doing}: ${said(thrown)}${adviceFor(thrown, trouble)}`;
  if (trouble === "broken") return new InvariantError(sentence);
  const code = trouble === "lost" || trouble === "again" ? "unavailable" : trouble;
  return new StoreError(code, sentence, { cause: thrown });
}
