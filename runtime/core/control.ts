/**
 * What the runtime itself tells an actor, at a place in the log like any message: entries of the wire type
 * `[kind, 0]`, a version that no kind's messages have, with `{ "control": ... }` for a body.
 */

import type { Json } from "./actor.ts";
import type { WireType } from "./frame.ts";

/** The message version of controls; those of kinds begin with 1. */
export const controlVersion = 0;

/** Ends a suspension: "resume" folds the messages that wait, "discard" puts them among the dead letters. */
export type Control = "resume" | "discard";

export function controlType(kind: string): WireType {
  return [kind, controlVersion];
}

export function controlBody(control: Control): Json {
  return { control };
}

/** Null for any other body. */
export function parseControl(body: Json): Control | null {
  if (typeof body !== "object" || body === null || !("control" in body)) return null;
  return body.control === "resume" || body.control === "discard" ? body.control : null;
}
