/** Nodes that share shards on real servers, each with a launcher and ports of its own. */

import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { Node } from "../services/node.ts";
import { serverAddress } from "../services/servers.ts";
import { TopicStage } from "./topic_stage.ts";

export class ClusterStage implements AsyncDisposable {
  readonly topics: TopicStage;
  readonly #mysql = newDatabase();

  private constructor(topics: TopicStage) {
    this.topics = topics;
  }

  static async open(): Promise<ClusterStage> {
    return new ClusterStage(await TopicStage.open());
  }

  /** `environment`: of its processes, besides where its servers are. */
  async startNode(
    environment: Readonly<Record<string, string>> = {},
    flags: readonly string[] = [],
  ): Promise<Node> {
    const { prefix, brokers, entry, ok } = this.topics;
    const mysql = new URL(serverAddress("mysql"));
    mysql.pathname = `/${this.#mysql.database}`;
    return await Node.start({
      dataDir: "not-used",
      environment: { KAFKA_BROKERS: brokers.join(","), MYSQL_URL: mysql.href, ...environment },
      flags: ["--prefix", prefix, "--entry-topic", entry, "--ok-topic", ok, "--no-host-metrics", ...flags],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.topics[Symbol.asyncDispose]();
    await dropDatabase(this.#mysql);
  }
}
