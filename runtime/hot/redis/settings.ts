/** How a Redis server is reached. */

export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number;
  /** Null: no TLS. `ca`: PEM text of what is trusted instead of the system's authorities. */
  readonly tls: { readonly ca: string | null } | null;
  /** First part of every key: `<prefix>:sensor/42?windows`. */
  readonly prefix: string;
}

const form = "redis://[user:password@]host[:port][/database], or rediss:// for TLS";

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://` for TLS.
 *
 * @throws an error with a sentence for the user, which never tells what stands in the URL.
 */
export function redisSettings(
  text: string,
  { ca = null, prefix }: { readonly ca?: string | null; readonly prefix: string },
): RedisSettings {
  const url = URL.parse(text);
  const isTls = url?.protocol === "rediss:";
  if (url === null || (!isTls && url.protocol !== "redis:") || url.hostname === "") {
    throw new Error(`The address of Redis is not right: it looks like ${form}`);
  }
  const database = url.pathname.replace(/^\//, "");
  if (!/^\d{0,4}$/.test(database)) throw new Error("The database of Redis is a number, as in redis://host/1");
  if (ca !== null && !isTls) {
    throw new Error("Redis has a certificate to trust but no TLS: its address begins with rediss:// then");
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    username: url.username === "" ? null : decode(url.username),
    password: url.password === "" ? null : decode(url.password),
    database: Number(database),
    tls: isTls ? { ca } : null,
    prefix,
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error("User and password of Redis's address are percent-encoded, and theirs is not right");
  }
}
