/** What is exported, row by row, as the API answers it. */

import { z } from "zod";
import type { CsvValue } from "../http/csv.ts";
import {
  pointColumns,
  tableCell,
  windowColumns as columnsOfWindows,
  windowRows as rowsOfWindows,
  WindowTable,
} from "../http/tables.ts";
import { listPage, requestPoints } from "./limits.ts";
import { detailOf, type NodeClient } from "./node_client.ts";

export type Row = Readonly<Record<string, CsvValue>>;

export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** Of histories and of windows. */
export const historyColumns = ["id", "channel", ...pointColumns] as const;
export const windowColumns = ["id", ...columnsOfWindows] as const;

const ListPage = z.object({ items: z.array(z.object({ id: z.string() })), next: z.string().nullable() });
const History = z.object({ points: z.array(z.record(z.string(), tableCell)) });

type Client = Pick<NodeClient, "ask">;

async function get<T>(client: Client, path: string, schema: z.ZodType<T>): Promise<T> {
  const { status, text } = await client.ask(path);
  if (status !== 200) throw new Error(`${path} is answered with ${status}: ${detailOf(text)}`);
  return schema.parse(JSON.parse(text));
}

/** @param path "series" or "sensors" */
export async function listIds(
  client: Client,
  path: string,
  isWanted: (id: string) => boolean,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after: string | null = "";;) {
    const query: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const { items, next }: z.output<typeof ListPage> = await get(
      client,
      `${path}?limit=${listPage}${query}`,
      ListPage,
    );
    ids.push(...items.map(({ id }) => id).filter(isWanted));
    if (next === null) return ids;
    after = next;
  }
}

function windowsOf(client: Client, path: string, id: string) {
  return get(client, `${path}/${encodeURIComponent(id)}/windows`, WindowTable);
}

/** The windows of one actor, a row for each channel and window. */
export async function windowRows(client: Client, path: string, id: string): Promise<readonly Row[]> {
  return rowsOfWindows(await windowsOf(client, path, id)).map((row) => ({ id, ...row }));
}

/** The history of one actor, a row for each channel and step that has values; some at a time. */
export async function* historyRows(
  client: Client,
  path: string,
  id: string,
  { fromMs, toMs, stepMs }: Range,
): AsyncGenerator<readonly Row[]> {
  for (const channel of Object.keys((await windowsOf(client, path, id)).channels)) {
    for (let atMs = Math.floor(fromMs / stepMs) * stepMs; atMs < toMs; atMs += requestPoints * stepMs) {
      const query = new URLSearchParams({
        channel,
        from: String(Math.max(0, atMs)),
        to: String(Math.min(toMs, atMs + requestPoints * stepMs)),
        step: String(stepMs),
      });
      const { points } = await get(client, `${path}/${encodeURIComponent(id)}/history?${query}`, History);
      yield points.map((point) => ({ id, channel, ...point }));
    }
  }
}
