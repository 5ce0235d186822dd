/**
 * A MariaDB, on the loopback address unless told otherwise.
 *
 * 1. `root` has no password and reaches it from this machine only. `user` has one, may do everything from wherever
 *    the server is reached, and with TLS is let in encrypted only.
 * 2. What it has committed survives its crash: `innodb_flush_log_at_trx_commit` is 1, as by default.
 */

import { join } from "node:path";
import mysql from "mysql2/promise";
import { type Certificates, makeCertificates } from "./certificates.ts";
import {
  answerTimeoutMs,
  loopback,
  mariadbBufferPoolMebibytes,
  preparationDeadlineMs,
  stopDeadlineMs,
} from "./limits.ts";
import { plainPath, type ProcessId, run } from "./processes.ts";
import { findProgram } from "./programs.ts";
import { Server } from "./server.ts";

const configuration = "my.cnf";

export interface MariadbOptions {
  readonly folder: string;
  /** The address that it listens on. */
  readonly host?: string;
  readonly port: number;
  /** Made if missing; the first is that of the server's address. */
  readonly databases: readonly [string, ...string[]];
  /** Both without quotes and backslashes. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Its authority is then in `folder/tls/ca.pem`. */
  readonly tls?: boolean;
  /** Lines `name=value` after all others. */
  readonly settings?: readonly string[];
}

/** Resolves when it answers. */
export async function startMariadb(options: MariadbOptions): Promise<Server> {
  const server = await prepareMariadb(options);
  await server.start();
  return server;
}

/** All but the start. */
export async function prepareMariadb(options: MariadbOptions): Promise<Server> {
  const { folder, tls = false } = options;
  await Deno.mkdir(folder, { recursive: true });
  const certificates = tls ? await makeCertificates(join(folder, "tls")) : null;
  await Deno.writeTextFile(join(folder, configuration), myCnf(options, certificates), { mode: 0o600 });
  await Deno.writeTextFile(join(folder, "init.sql"), initSql(options), { mode: 0o600 });
  if (!await isInstalled(folder)) await install(folder);
  return mariadbServer(options);
}

/** One that is prepared. `id`: of its process, where it runs already. */
export function mariadbServer(
  { folder, host = loopback, port, databases }: MariadbOptions,
  id: ProcessId | null = null,
): Server {
  const plan = {
    name: "MariaDB",
    program: findProgram("mariadbd") ?? "mariadbd",
    args: [`--defaults-file=${join(folder, configuration)}`, ...userFlags()],
    folder,
    address: `mysql://root@${host}:${port}/${databases[0]}`,
    answers: () => isServing(host, port, databases[0]),
    stopDeadlineMs: stopDeadlineMs.mariadb,
  };
  return new Server(plan, id);
}

/** MariaDB runs as root only when that is said. */
function userFlags(): readonly string[] {
  return Deno.uid() === 0 ? ["--user=root"] : [];
}

function isInstalled(folder: string): Promise<boolean> {
  return Deno.stat(join(folder, "data")).then(() => true, () => false);
}

/** Under another name first: what has the right one is whole. */
async function install(folder: string): Promise<void> {
  const partial = join(folder, "data.partial");
  await Deno.remove(partial, { recursive: true }).catch(() => {});
  const flags = [
    "--no-defaults",
    `--datadir=${partial}`,
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    ...userFlags(),
  ];
  await run("mariadb-install-db", flags, preparationDeadlineMs);
  await Deno.rename(partial, join(folder, "data"));
}

async function isServing(host: string, port: number, database: string): Promise<boolean> {
  const connection = await mysql.createConnection({
    host,
    port,
    user: "root",
    database,
    connectTimeout: answerTimeoutMs,
  });
  try {
    await connection.query({ sql: "SELECT 1", timeout: answerTimeoutMs });
    return true;
  } finally {
    connection.destroy();
  }
}

function myCnf(options: MariadbOptions, certificates: Certificates | null): string {
  const { folder, host = loopback, port, settings = [] } = options;
  const quoted = (path: string) => `"${plainPath(path)}"`;
  return [
    "[mariadbd]",
    `bind-address=${host}`,
    `port=${port}`,
    `datadir=${quoted(join(folder, "data"))}`,
    // Below the data folder: a socket's whole path has at most 107 bytes.
    "socket=mariadb.sock",
    "pid-file=mariadb.pid",
    `init-file=${quoted(join(folder, "init.sql"))}`,
    "skip-name-resolve",
    "character-set-server=utf8mb4",
    `innodb-buffer-pool-size=${mariadbBufferPoolMebibytes}M`,
    ...(certificates === null ? [] : [
      `ssl-ca=${quoted(certificates.ca)}`,
      `ssl-cert=${quoted(certificates.certificate)}`,
      `ssl-key=${quoted(certificates.key)}`,
    ]),
    ...settings,
    "",
  ].join("\n");
}

/** Run at each start, one statement a line. */
function initSql({ host = loopback, databases, user, tls = false }: MariadbOptions): string {
  // Who connects to an address of this machine comes from that address; others, to one that others reach, from theirs.
  const account = user === undefined ? null : `'${user.name}'@'${host === loopback ? loopback : "%"}'`;
  return [
    `CREATE USER IF NOT EXISTS 'root'@'${host}';`,
    `GRANT ALL ON *.* TO 'root'@'${host}' WITH GRANT OPTION;`,
    ...databases.map((name) => `CREATE DATABASE IF NOT EXISTS \`${name}\`;`),
    ...(account === null || user === undefined ? [] : [
      `CREATE USER IF NOT EXISTS ${account};`,
      `ALTER USER ${account} IDENTIFIED BY '${user.password}' REQUIRE ${tls ? "SSL" : "NONE"};`,
      `GRANT ALL ON *.* TO ${account};`,
    ]),
    "",
  ].join("\n");
}
