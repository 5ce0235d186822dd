/** What a run tells: recoveries by kind of fault, the verdict, the timeline. */

import { quantile } from "../bench/figure.ts";
import { type ChaosReport, condemnedThreads, type PlayedRound } from "./chaos_run.ts";
import type { Fault, FaultKind } from "./plan.ts";

const meanings: Readonly<Record<FaultKind, string>> = {
  "kill-node": "`kill -9` of the node; its launcher starts it again",
  "kill-launcher": "`kill -9` of launcher and node; started again at once",
  "pause-node": "SIGSTOP of the node for 0.2 to 5 s; from SIGCONT on",
  "loop-query": "a query that never comes back, once",
  "loop-message": "a message that never comes back, every time",
  "exhaust-query": "a query that exhausts the heap, once",
  "exhaust-message": "a message that exhausts the heap, every time",
  "full-disk": "no space for 1 to 3 s; from when there is some on",
  "kill-kafka": "`kill -9` of Kafka, started again at once; from when it answers on",
  "kill-broker": "`kill -9` of one of three brokers; from then on, without it",
  "kill-mariadb": "`kill -9` of MariaDB, started again at once; from when it answers on",
  "kill-redis": "`kill -9` of Redis, started again; until cached reads come from it",
  "stop-mariadb": "MariaDB stopped for a while; from when it answers on",
  "kill-one": "`kill -9` of a node; its launcher has another take it out of the group",
  "kill-two": "`kill -9` of two nodes at once",
  "kill-machine": "`kill -9` of launcher and node; the others miss it after its session",
  "pause-one": "SIGSTOP of a node, which its launcher kills after 10 s",
  "pause-machine": "SIGSTOP of launcher and node; the others miss it after its session",
  "cut-machine": "no packet to a node, nor from it; the same",
  "restart-machine": "a node stops in good order; from when it is gone on",
  "resize": "all, one, all, and all but one node; from the last change on",
  "pause-mariadb": "SIGSTOP of MariaDB for a while; from SIGCONT on",
};

const nodeKills: ReadonlySet<FaultKind> = new Set([
  "kill-node",
  "kill-launcher",
  "kill-one",
  "kill-two",
  "kill-machine",
]);

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

export function recoveryText({ recoveryMs, isLate, surplusDeaths }: PlayedRound): string {
  const late = isLate ? ", too late" : "";
  return seconds(recoveryMs) + late + (surplusDeaths === 0 ? "" : `, ${surplusDeaths} more threads died`);
}

/** The fault in a few words. */
export function faultText(fault: Fault): string {
  if ("forMs" in fault) return `${fault.kind} for ${seconds(fault.forMs)}`;
  if ("areNeighbours" in fault) {
    return `${fault.kind} ${fault.areNeighbours ? "of one launcher" : "of two launchers"}`;
  }
  if ("broker" in fault) return `${fault.kind} ${fault.broker + 1}`;
  return "shard" in fault ? `${fault.kind} in shard ${fault.shard}` : fault.kind;
}

function recoveryRow(name: string, meaning: string, rounds: readonly PlayedRound[]): string[] {
  if (rounds.length === 0) return [];
  const times = rounds.map(({ recoveryMs }) => recoveryMs);
  const shown = [quantile(times, 0.5), quantile(times, 0.99), Math.max(...times)].map(seconds);
  return [`| ${[name, meaning, rounds.length, ...shown].join(" | ")} |`];
}

function recoveryTable(rounds: readonly PlayedRound[]): readonly string[] {
  return [
    "| fault | | rounds | p50 | p99 | max |",
    "| --- | --- | --- | --- | --- | --- |",
    ...Object.entries(meanings).flatMap(([kind, meaning]) =>
      recoveryRow(kind, meaning, rounds.filter(({ fault }) => fault.kind === kind))
    ),
    ...recoveryRow("all kills of nodes", "", rounds.filter(({ fault }) => nodeKills.has(fault.kind))),
    ...recoveryRow("all", "", rounds),
  ];
}

function timelineTable(rounds: readonly PlayedRound[]): readonly string[] {
  const rows = rounds.map((round) => {
    const { number, atMs, fault } = round;
    return `| ${[number, seconds(atMs), faultText(fault), recoveryText(round)].join(" | ")} |`;
  });
  return ["| round | at | fault | recovery |", "| --- | --- | --- | --- |", ...rows];
}

function verdict(report: ChaosReport): string {
  const { verification, readings, records, repeatedBodies, tookMs, rounds, isStrict, peakBytes } = report;
  const { lost, twice, wrongSensors, sensors } = verification;
  return `${rounds.length} rounds in ${(tookMs / 1000).toFixed(0)} s, ${readings} readings accepted, ` +
    `${repeatedBodies} bodies repeated${
      records === 0 ? "" : `, ${records} records of topics`
    }; of ${sensors} sensors: **lost ${lost}, twice ${twice}**` +
    (wrongSensors === 0 ? "" : `, wrong sensors ${wrongSensors}`) +
    (isStrict ? `, threads condemned by the watchdog ${condemnedThreads(report)}` : "") +
    `; a node's memory was at most ${(peakBytes / 2 ** 20).toFixed(0)} MiB`;
}

/** As Markdown. */
export function reportText(report: ChaosReport): string {
  const { rounds } = report;
  return [verdict(report), "", ...recoveryTable(rounds), "", ...timelineTable(rounds)].join("\n");
}
