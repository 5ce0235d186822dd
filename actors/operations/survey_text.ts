/** A folder's survey for people. */

import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import type { Manifest } from "./manifest.ts";
import { sizeText } from "../cli/size_text.ts";
import type { FolderSurvey } from "./survey.ts";

const number = new Intl.NumberFormat("en-US");
const count = (value: number) => number.format(value);
const time = (atMs: number | null) => atMs === null ? "" : new Date(atMs).toISOString();

export function surveyText(survey: FolderSurvey, manifest: Manifest | null): string {
  return [
    headText(survey, manifest),
    kindsText(survey),
    shardsText(survey),
    segmentsText(survey),
    troublesText(survey),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}

function headText({ folder, store, log }: FolderSurvey, manifest: Manifest | null): string {
  const wal = store.walBytes === 0 ? "" : ` and ${sizeText(store.walBytes)} in its write-ahead log`;
  const frames = log.segments.reduce((sum, { contents }) => sum + (contents?.frames ?? 0), 0);
  const bytes = log.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  return table([
    [manifest === null ? "data folder" : "backup", folder],
    ...manifest === null ? [] : [
      ["began", manifest.began],
      ["finished", manifest.finished],
      ["made by", `Sensorium ${manifest.program}`],
    ],
    ["store", `${sizeText(store.bytes)}${wal}, format ${store.version ?? "unknown"}`],
    ["log", `${sizeText(bytes)} in ${count(log.segments.length)} segments, ${count(frames)} frames`],
    ["shards", `${store.meta?.shards ?? log.log?.shards ?? "unknown"}`],
    ...store.tables.map(({ table, rows }) => [table.replace("_", " "), `${count(rows)} rows`]),
  ]);
}

function kindsText({ store: { kinds } }: FolderSurvey): string {
  if (kinds.length === 0) return "";
  const rows = kinds.map(({ kind, actors, bytes }) => [kind, count(actors), sizeText(bytes)]);
  return table([["kind", "actors", "size"], ...rows], 1);
}

function shardsText({ store: { shards }, log: { extents } }: FolderSurvey): string {
  if (shards.length === 0 && extents.length === 0) return "";
  const length = Math.max(extents.length, ...shards.map(({ shard }) => shard + 1));
  const rows = Array.from({ length }, (_, shard) => {
    const row = shards.find((each) => each.shard === shard);
    const next = (row?.positions[MAILBOX]?.offset ?? -1) + 1;
    const extent = extents[shard];
    const inLog = extent === undefined
      ? ["?", "?", "?"]
      : [extent.begin, extent.end, extent.end - next].map(count);
    const claimed = row === undefined ? ["?", "?"] : [row.epoch, row.commit].map(count);
    return [count(shard), ...claimed, count(next), ...inLog];
  });
  return table([["shard", "epoch", "commit", "goes on at", "log from", "log to", "to fold"], ...rows], 0);
}

function segmentsText({ log: { segments } }: FolderSurvey): string {
  if (segments.length === 0) return "";
  const rows = segments.map(({ name, bytes, contents }) => [
    name,
    sizeText(bytes),
    contents === null ? "?" : count(contents.frames),
    time(contents?.fromMs ?? null),
    time(contents?.toMs ?? null),
  ]);
  return table([["segment", "size", "frames", "from", "to"], ...rows], 1);
}

function troublesText({ troubles }: FolderSurvey): string {
  if (troubles.length === 0) return "Nothing is wrong with it.";
  return `What is wrong:\n${troubles.map((trouble) => `  ${trouble}`).join("\n")}`;
}

/** Columns from `rightFrom` on are numbers, and right-aligned. */
function table(rows: readonly (readonly string[])[], rightFrom = Infinity): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column >= rightFrom ? cell.padStart(width) : cell.padEnd(width);
    });
    return `  ${cells.join("  ").trimEnd()}`;
  }).join("\n");
}
