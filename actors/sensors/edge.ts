/** How readings and samples are read at the edge: shared pieces of their parsers and schemas. */

import { z } from "zod";
import { idProblem, idShape } from "../../runtime/core/registry.ts";
import { isSequence, Sequence, TimeMs } from "./message_parts.ts";
import { parseRfc3339, parseTime, rfc3339Shape, timeForms } from "./timestamp.ts";

/** What came of an item of a body: a message for an actor, or a sentence for whoever sent it. */
export type Parsed<M> =
  | { readonly ok: true; readonly id: string; readonly message: M }
  | { readonly ok: false; readonly sentence: string };

export type Item = Readonly<Record<string, unknown>>;

export function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as JSON, shortened so that an error message stays one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

/** The id as a string; null when it is none. */
export function idText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value + 0) : null;
}

/** Why `value` cannot be an id, as a sentence; null when it can. */
export function idSentence(field: string, value: unknown): string | null {
  if (value === undefined) return `${field} is missing: every item names its actor`;
  const id = idText(value);
  if (id === null) return `${field} is ${shown(value)}: a text or a whole number is needed`;
  const problem = idProblem(id);
  return problem === null ? null : `${field} is ${shown(value)}. ${problem}`;
}

/** The same for the optional fields `ts` and `seq`. */
export function envelopeSentence({ ts, seq }: Item): string | null {
  if (ts !== undefined && parseTime(ts) === null) return `ts is ${shown(ts)}: ${timeForms}`;
  if (seq !== undefined && !isSequence(seq)) {
    return `seq is ${shown(seq)}: a whole number from 0 to ${Number.MAX_SAFE_INTEGER} is needed`;
  }
  return null;
}

/** The fields `ts` and `seq` as a message carries them, after `envelopeSentence` had no objection. */
export function envelopeOf({ ts, seq }: Item): [ts: number | null, seq: number | null] {
  return [ts === undefined ? null : parseTime(ts), isSequence(seq) ? seq : null];
}

/** The first field that is not in `known`, as a sentence; null when there is none. */
export function unknownFieldSentence(item: Item, known: ReadonlySet<string>): string | null {
  for (const field of Object.keys(item)) {
    if (!known.has(field)) {
      return `${shown(field)} is no field of this form; known are ${[...known].join(", ")}`;
    }
  }
  return null;
}

/** A text that passes `idProblem`. */
export const IdText = z.string().superRefine((id, context) => {
  const problem = idProblem(id);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}).meta(idShape);

/** An id as text or as a whole number. */
export const Id = z.union([IdText, z.int()]);

/** A time as epoch milliseconds or RFC 3339. */
export const Time = z.union([
  TimeMs,
  z.string().refine((text) => parseRfc3339(text) !== null, { message: timeForms }).meta(rfc3339Shape),
]);

export const envelopeFields = { ts: Time.optional(), seq: Sequence.optional() };
