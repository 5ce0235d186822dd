/** A MariaDB server of a test's own, to be stopped and started. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { userInfo } from "node:os";
import type { MySqlSettings } from "../../runtime/store/mysql/settings.ts";
import { freePort } from "../services/free_port.ts";
import { settingsOf, withConnection } from "./mysql_databases.ts";

export class OwnMariaDb implements AsyncDisposable {
  readonly folder: string;
  readonly settings: MySqlSettings;
  #process: Deno.ChildProcess | null = null;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.settings = settingsOf(`mysql://root@127.0.0.1:${port}`, "sensorium");
  }

  /** Not started. */
  static async make(): Promise<OwnMariaDb> {
    const folder = await Deno.makeTempDir({ prefix: "mariadb-" });
    const { status, stderr } = spawnSync("mariadb-install-db", [
      "--no-defaults",
      `--datadir=${join(folder, "data")}`,
      `--user=${userInfo().username}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
      "--skip-name-resolve",
      "--innodb-log-file-size=8M",
    ]);
    if (status !== 0) throw new Error(`Cannot make a MariaDB folder: ${stderr}`);
    return new OwnMariaDb(folder, freePort());
  }

  /** Resolves when it answers. */
  async start(options: readonly string[] = []): Promise<void> {
    this.#process = new Deno.Command("mariadbd", {
      args: [
        "--no-defaults",
        `--datadir=${join(this.folder, "data")}`,
        `--port=${this.settings.port}`,
        "--bind-address=127.0.0.1",
        `--socket=${join(this.folder, "socket")}`,
        `--user=${userInfo().username}`,
        "--innodb-log-file-size=8M",
        "--innodb-buffer-pool-size=32M",
        ...options,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (const endMs = performance.now() + 20_000;;) {
      try {
        return await withConnection(this.settings, () => Promise.resolve());
      } catch (thrown) {
        if (performance.now() > endMs) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (process === null) return;
    process.kill("SIGCONT");
    process.kill("SIGTERM");
    await process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
