/**
 * Backups, on the operator's port alone: `deno task backup` copies the files, and the node holds them meanwhile. A
 * request names no path, and nothing of the files is in an answer.
 */

import { z } from "zod";
import type { Backups } from "../../runtime/node/backups.ts";
import { jsonResponse } from "./json_response.ts";
import type { ProblemCode } from "./problem.ts";
import { noQuery, type Route, route } from "./route.ts";

export const BegunBackup = z.object({
  id: z.string(),
  leaseMs: z.number().meta({ description: "It is renewed more often than that, or given up." }),
  store: z.string().meta({ description: "Identity of the store." }),
});
export const SealedLog = z.object({
  segments: z.array(z.string()).meta({ description: "Files of the log to copy, oldest first." }),
});
const Done = z.object({});

const problems: readonly ProblemCode[] = ["unknown-backup", "backup-lost", "unavailable", "disk-full"];

export function backupRoutes(backups: Backups): Route[] {
  return [
    route({
      ...common,
      path: "/backups",
      operationId: "begin-backup",
      summary: "Holds the files: trimming pauses, the store's file stays as it is.",
      segments: {},
      success: { ...success, schema: BegunBackup },
      problems: ["backup-running", "backup-elsewhere", "unavailable", "disk-full"],
      answer: async () => jsonResponse(await backups.begin()),
    }),
    step("renew", "Says that the client is still there.", Done, (id) => {
      backups.renew(id);
      return {};
    }),
    step("log", "The store and its write-ahead log are copied.", SealedLog, async (id) => {
      return { segments: await backups.log(id) };
    }),
    step("end", "The log's segments are copied; the copy is good.", Done, async (id) => {
      await backups.end(id);
      return {};
    }),
    step("abandon", "The client gives up.", Done, async (id) => {
      await backups.abandon(id);
      return {};
    }),
  ];
}

const common = { method: "post", tag: "operation", access: "token", query: noQuery } as const;
const success = { status: 200, description: "It is done.", mediaType: "application/json" } as const;

function step(name: string, summary: string, schema: z.ZodType, take: (id: string) => unknown): Route {
  return route({
    ...common,
    path: `/backups/{id}/${name}`,
    operationId: `${name}-backup`,
    summary,
    segments: { id: "The backup's id." },
    success: { ...success, schema },
    problems: ["bad-id", ...problems],
    answer: async (_query, { segments: { id = "" } }) => jsonResponse(await take(id)),
  });
}
