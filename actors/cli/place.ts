/** Where a node keeps what it must not lose: its own folder, or servers. */

import type { RedisSettings } from "../../runtime/hot/redis/settings.ts";
import type { Servers } from "../../runtime/node/options.ts";
import type { Settings } from "../settings.ts";
import { type DataFolder, takeDataFolder } from "./data_folder.ts";
import type { TableRow } from "./screen.ts";
import { redisOf, serversOf } from "./servers.ts";

export interface Place {
  readonly folder: DataFolder | null;
  readonly servers: Servers | null;
  readonly redis: RedisSettings | null;
}

/** Throws a `Refusal`. */
export async function takePlace(settings: Settings): Promise<Place> {
  const readText = (path: string) => Deno.readTextFileSync(path);
  const servers = serversOf(settings, readText);
  const redis = redisOf(settings, readText);
  return { folder: servers === null ? await takeDataFolder(settings.data) : null, servers, redis };
}

/** For people: what is where. */
export function placeRows({ folder, servers, redis }: Place): TableRow[] {
  const rows: TableRow[] = [];
  if (folder !== null) rows.push(["data folder", folder.path]);
  if (servers !== null) {
    const { kafka, mysql } = servers;
    rows.push(["Kafka", kafka.brokers.join(",")], ["MySQL", `${mysql.host}:${mysql.port}/${mysql.database}`]);
  }
  if (redis !== null) rows.push(["Redis", `${redis.host}:${redis.port}/${redis.database}`]);
  return rows;
}

export function placeText(place: Place): string {
  return placeRows(place).map(([name, where]) => name === "data folder" ? where : `${name} at ${where}`).join(
    ", ",
  );
}

/** As fields of a log's line. */
export function placeFields(place: Place): Readonly<Record<string, string>> {
  const nameOf = (name: string) => name === "data folder" ? "dataFolder" : name.toLowerCase();
  return Object.fromEntries(placeRows(place).map(([name, where]) => [nameOf(name), where]));
}
