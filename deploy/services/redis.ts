/** A Redis, on the loopback address unless told otherwise, which saves to its folder when it is stopped. */

import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { loopback, stopDeadlineMs } from "./limits.ts";
import { askTcp } from "./probe.ts";
import { plainPath, type ProcessId } from "./processes.ts";
import { Server } from "./server.ts";

const configuration = "redis.conf";

export interface RedisOptions {
  readonly folder: string;
  /** The address that it listens on. */
  readonly host?: string;
  readonly port: number;
  /** Of the user `default`, on both ports. Without spaces, quotes and backslashes. */
  readonly password?: string;
  /** Listens there, too, with TLS; its authority is then in `folder/tls/ca.pem`. */
  readonly tlsPort?: number;
}

/** Resolves when it answers. */
export async function startRedis(options: RedisOptions): Promise<Server> {
  const server = await prepareRedis(options);
  await server.start();
  return server;
}

/** All but the start. */
export async function prepareRedis(options: RedisOptions): Promise<Server> {
  const { folder, tlsPort } = options;
  await Deno.mkdir(folder, { recursive: true });
  const certificates = tlsPort === undefined ? null : await makeCertificates(join(folder, "tls"));
  await Deno.writeTextFile(join(folder, configuration), redisConf(options, certificates), { mode: 0o600 });
  return redisServer(options);
}

/** One that is prepared. `id`: of its process, where it runs already. */
export function redisServer(
  { folder, host = loopback, port, password }: RedisOptions,
  id: ProcessId | null = null,
): Server {
  const question = new TextEncoder().encode(
    `${password === undefined ? "" : `AUTH ${password}\r\n`}PING\r\n`,
  );
  const plan = {
    name: "Redis",
    program: "redis-server",
    args: [join(folder, configuration)],
    folder,
    address: `redis://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}${host}:${port}`,
    answers: async (signal: AbortSignal) => {
      const answer = new TextDecoder().decode(await askTcp(host, port, question, signal));
      // With a password, the answer to AUTH may come alone. While its data is loaded, it answers -LOADING.
      return answer.startsWith("+");
    },
    stopDeadlineMs: stopDeadlineMs.redis,
  };
  return new Server(plan, id);
}

export function redisConf(options: RedisOptions, certificates: Certificates | null): string {
  const { folder, host = loopback, port, password, tlsPort } = options;
  const quoted = (path: string) => `"${plainPath(path)}"`;
  return [
    `bind ${host}`,
    `port ${port}`,
    `dir ${quoted(folder)}`,
    "daemonize no",
    ...(password === undefined ? [] : [`requirepass "${password}"`]),
    ...(tlsPort === undefined || certificates === null ? [] : [
      `tls-port ${tlsPort}`,
      `tls-cert-file ${quoted(certificates.certificate)}`,
      `tls-key-file ${quoted(certificates.key)}`,
      `tls-ca-cert-file ${quoted(certificates.ca)}`,
      // Clients prove who they are by the password.
      "tls-auth-clients no",
    ]),
    "",
  ].join("\n");
}
