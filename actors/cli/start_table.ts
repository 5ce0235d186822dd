/** What stands on the screen once nodes take readings: what runs, and where it is reached. */

import type { Settings } from "../settings.ts";
import { type Place, placeRows } from "./place.ts";
import { renderTable, type TableRow } from "./screen.ts";

export interface Started {
  readonly settings: Settings;
  readonly place: Place;
  readonly denoVersion: string;
  /** As this machine reaches the API. */
  readonly url: string;
  /** And the admin port of each node. */
  readonly adminUrls: readonly string[];
}

export function startText({ settings, place, denoVersion, url, adminUrls }: Started): string {
  const what = adminUrls.length === 1 ? "one node" : `${adminUrls.length} nodes`;
  const metrics = adminUrls.map((of, i): TableRow => [i === 0 ? "metrics" : "", `${of}/metrics`]);
  const access: readonly TableRow[] = settings.token === undefined ? [] : [["access", "with the token"]];
  const rows: readonly TableRow[] = [
    ["page", `${url}/`],
    ["API", `${url}/openapi.json`],
    ["docs", `${url}/docs`],
    ...metrics,
    ...access,
    ...placeRows(place),
    ["Deno", denoVersion],
  ];
  return `${what}, ${place.servers === null ? "embedded" : "on servers"}\n${renderTable(rows)}`;
}

export const stoppingText =
  "stopping: folding and checkpointing what was accepted (Ctrl-C again to stop at once)\n";

export const stoppedText = "stopped\n";
