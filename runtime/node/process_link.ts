/**
 * What a launcher and its node process say to each other over the channel between them, and the node's end of it.
 *
 *     launcher ── {type: "ping"} ──▶ node      answered by {type: "pong"}, from the node's main thread
 *              ── {type: "stop"} ──▶           drain and exit with 0
 *              ── {type: "evict"} ─▶           answered by {type: "evicted"} when that is done
 *     node     ── {type: "hello"} ─▶ launcher  its main thread runs
 *              ── {type: "ready"} ─▶           it takes readings
 *              ── {type: "progress"} ▶         how it goes, where the launcher shows that
 *
 * 1. A node whose launcher is gone exits at once: another launcher may be waiting for its ports and its folder, and
 *    what was accepted is in the log.
 */

import process from "node:process";
import { z } from "zod";

const toNodeSchema = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["ping", "stop"]) }),
  /** The life of that name is dead: its shards are to be had at once. */
  z.object({ type: z.literal("evict"), name: z.string() }),
]);

const progressSchema = z.object({
  type: z.literal("progress"),
  /** Since this process began. */
  accepted: z.number(),
  deadLetters: z.number(),
  /** Of all nodes together, in the store; null from those that do not count them. */
  actors: z.number().nullable(),
});

const toLauncherSchema = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["hello", "ready", "pong"]) }),
  z.object({ type: z.literal("evicted"), name: z.string() }),
  progressSchema,
]);

export type ToNode = Readonly<z.infer<typeof toNodeSchema>>;
export type ToLauncher = Readonly<z.infer<typeof toLauncherSchema>>;
export type NodeProgress = Readonly<Omit<z.infer<typeof progressSchema>, "type">>;

/** Null for what no node says: Deno's own messages go the same way. */
export function readToLauncher(message: unknown): ToLauncher | null {
  return toLauncherSchema.safeParse(message).data ?? null;
}

export interface LinkParts {
  /** The launcher asks for an orderly stop. */
  onStop(): void;
  /** Resolves when the life of that name belongs to the nodes' agreement no more. */
  evict(name: string): Promise<void>;
  /** The launcher is gone. */
  onOrphaned(): void;
}

export interface LauncherLink {
  /** Tells that the node takes readings. */
  ready(): void;
  progress(progress: NodeProgress): void;
}

/** Answers the launcher from now on; a process without one has nobody to answer. */
export function linkToLauncher(parts: LinkParts): LauncherLink {
  const send = (message: ToLauncher) => void process.send?.(message);
  if (process.send !== undefined) {
    process.on("message", (message: unknown) => {
      const { data } = toNodeSchema.safeParse(message);
      if (data !== undefined) obey(data, parts, send);
    });
    process.on("disconnect", () => parts.onOrphaned());
    send({ type: "hello" });
  }
  return {
    ready: () => send({ type: "ready" }),
    progress: (progress) => send({ type: "progress", ...progress }),
  };
}

function obey(order: ToNode, parts: LinkParts, send: (message: ToLauncher) => void): void {
  switch (order.type) {
    case "ping":
      return send({ type: "pong" });
    case "stop":
      return parts.onStop();
    case "evict":
      // One that cannot be taken out now leaves by the group's own time-out.
      return void parts.evict(order.name).then(() => send({ type: "evicted", name: order.name }), () => {});
  }
}
