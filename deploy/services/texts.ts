/** What `deno task services` prints. */

import { sizeText } from "../../actors/cli/size_text.ts";
import { type Entry, type Place, serverNames } from "./state.ts";

/** Null: it does not run. */
export interface Addresses {
  readonly kafka: string | null;
  readonly mariadb: string | null;
  readonly testMariadb: string | null;
  readonly redis: string | null;
}

export function elapsedText(elapsedMs: number): string {
  return `${(elapsedMs / 1000).toFixed(1)} s`;
}

type Variable = readonly [name: string, value: string];

function variables(pairs: readonly (readonly [string, string | null])[]): readonly Variable[] {
  return pairs.flatMap(([name, value]): readonly Variable[] => value === null ? [] : [[name, value]]);
}

/**
 * For `eval` in a shell. The tests' variables only: a shell that had `KAFKA_BROKERS` set would start every node there,
 * also those of tests that want an embedded one.
 */
export function exportLines({ kafka, testMariadb, redis }: Addresses): string {
  const all = variables([
    ["SENSORIUM_TEST_KAFKA_BROKERS", kafka],
    ["SENSORIUM_TEST_MYSQL_URL", testMariadb],
    ["SENSORIUM_TEST_REDIS_URL", redis],
  ]);
  return all.map(([name, value]) => `export ${name}=${value}\n`).join("");
}

/** What a user pastes. */
export function usageText(addresses: Addresses): string {
  const { kafka, mariadb, redis } = addresses;
  const all = variables([["KAFKA_BROKERS", kafka], ["MYSQL_URL", mariadb], ["REDIS_URL", redis]]);
  const node = all.map(([name, value]) => `${name}=${value}`).join(" ");
  // The two go together: without them, nothing of it is a node's.
  const start = kafka === null || mariadb === null
    ? ""
    : `A node on them:\n\n${node} deno task start cluster\n\n`;
  return `\n${start}Tests on them:\n\n${exportLines(addresses)}`;
}

export type StatusRow =
  | { readonly place: Place; readonly entry: null }
  | {
    readonly place: Place;
    readonly entry: Entry;
    readonly isAnswering: boolean;
    readonly residentBytes: number;
  };

export function statusText(folder: string, rows: readonly StatusRow[], nowMs: number): string {
  const lines = rows.map((row) => `  ${serverNames[row.place].padEnd(8)} ${rowText(row, nowMs)}\n`);
  return `Servers in ${folder}:\n${lines.join("")}`;
}

function rowText(row: StatusRow, nowMs: number): string {
  if (row.entry === null) return "not running";
  const { pid, port, startedAt } = row.entry;
  const facts = [
    row.isAnswering ? "running" : "running, but does not answer",
    `127.0.0.1:${port}`,
    `since ${startedAt.slice(0, 19)}Z (${ageText(nowMs - Date.parse(startedAt))})`,
    `process ${pid}`,
    sizeText(row.residentBytes),
  ];
  return facts.join(", ");
}

export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}
