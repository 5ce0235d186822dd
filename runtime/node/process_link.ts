/**
 * What a launcher and its node process say to each other over the channel between them, and the node's end of it.
 *
 *     launcher ── {type: "ping"} ──▶ node     answered by {type: "pong"}, from the node's main thread
 *              ── {type: "stop"} ──▶          drain and exit with 0
 *     node     ── {type: "hello"} ─▶ launcher its main thread runs
 *              ── {type: "ready"} ─▶          it takes readings
 *
 * 1. A node whose launcher is gone exits at once: another launcher may be waiting for its ports and its folder, and
 *    what was accepted is in the log.
 */

import process from "node:process";

export type ToNode =
  | { readonly type: "ping" }
  | { readonly type: "stop" }
  /** Another node of this launcher is dead: its shards are to be had at once. */
  | { readonly type: "evict"; readonly name: string };
export type ToLauncher = { readonly type: "hello" | "ready" | "pong" };

function typeOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "type" in message ? message.type : null;
}

export function isToLauncher(message: unknown): message is ToLauncher {
  const type = typeOf(message);
  return type === "hello" || type === "ready" || type === "pong";
}

export interface LauncherLink {
  /** The launcher asks for an orderly stop. */
  onStop(): void;
  /** The launcher is gone. */
  onOrphaned(): void;
}

/** Answers the launcher from now on; a process without one has nobody to answer. Returns what tells that it is ready. */
export function linkToLauncher(link: LauncherLink): () => void {
  if (process.send === undefined) return () => {};
  const send = (message: ToLauncher) => void process.send?.(message);
  process.on("message", (message: unknown) => {
    switch (typeOf(message)) {
      case "ping":
        return send({ type: "pong" });
      case "stop":
        return link.onStop();
    }
  });
  process.on("disconnect", () => link.onOrphaned());
  send({ type: "hello" });
  return () => send({ type: "ready" });
}
