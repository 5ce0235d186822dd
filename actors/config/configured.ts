/**
 * What actors that people configure, sources and rules, have in common: names, and who may change what.
 *
 * 1. What the configuration file says holds from every start on. Over HTTP it cannot be changed: the next start would
 *    bring it back.
 * 2. What was configured over HTTP stays until it is changed over HTTP, or the file names it.
 * 3. What comes with the program gives way to both, and does not come back once it was removed over HTTP.
 */

import { z } from "zod";

/** Who configures: the file, somebody over HTTP, or the program by itself. */
export const origins = ["file", "http", "default"] as const;
export type Origin = typeof origins[number];

/** A name is a path's segment, part of metrics and messages, and the label `job` of what a source reads. */
export const configuredNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const nameError = "a name is 1 to 64 of A-Z a-z 0-9 . _ - and begins with a letter or a digit";
export const ConfiguredName = z.string().regex(configuredNamePattern, { error: nameError });

export interface Configured<Spec> {
  /** Null: it was removed, or never was. */
  readonly spec: Spec | null;
  /** Who said so last; null: nobody, or the file, which names it no more. */
  readonly origin: Origin | null;
}

/** What becomes of an actor that is configured so, by `origin`. Null: nothing, for another's word goes first. */
export function reconfigured<Spec>(
  now: Configured<Spec>,
  spec: Spec | null,
  origin: Origin,
): Configured<Spec> | null {
  switch (origin) {
    case "file":
      // What the file names no more is nobody else's to lose.
      if (spec === null && now.origin !== "file") return null;
      return { spec, origin: spec === null ? null : "file" };
    case "http":
      return now.origin === "file" ? null : { spec, origin };
    case "default":
      return now.origin === "http" || now.origin === "file" ? null : { spec, origin };
  }
}
