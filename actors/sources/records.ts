/**
 * Records of the topics `ENTRY` and `OK` as messages of sensors. Pure.
 *
 *     ENTRY   one reading or an array of readings, as `POST /readings` takes them
 *     OK      {id, ts?}: what was wrong at the sensor is not any more
 *
 * 1. A good item is never refused for a bad one.
 * 2. The verdict depends on the record alone, so that a record that is read again says the same. One that is too far
 *    ahead is left to the fold.
 */

import type { Json } from "../../runtime/core/actor.ts";
import type { RecordSink as DirectSink } from "../../runtime/core/records.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { harmlessBytes, maxDepth } from "../http/limits.ts";
import { isNestedDeeper } from "../http/nesting.ts";
import { idSentence, idText, isItem, shown, unknownFieldSentence } from "../sensors/edge.ts";
import { parseReading } from "../sensors/reading.ts";
import { recoveredAt } from "../sensors/sensor.ts";
import { parseTime, timeForms } from "../sensors/timestamp.ts";

/** Bytes of a record at most: what it becomes must fit into one record of a mailbox, whatever is joined with it. */
export const maxRecordBytes = 512 * 1024;

/** Bytes of a refused record that its dead letter shows. */
const shownBytes = 1000;

/** Why a record is refused, or an item of one. */
export const refusalReasons = ["malformed", "invalid", "too-large"] as const;

export type RefusalReason = (typeof refusalReasons)[number];

/** Takes what a record is made of. */
export interface RecordSink {
  message(id: string, message: Json): void;
  /** `beginning`: of the record's text. */
  refused(reason: RefusalReason, detail: string, beginning: string): void;
}

export type RecordForm = "reading" | "recovery";

type Refuse = (reason: RefusalReason, detail: string) => void;
type TakeMessage = (id: string, message: Json) => void;

const utf8 = new TextDecoder("utf-8", { fatal: true });
const anyText = new TextDecoder();

export function parseRecord(form: RecordForm, value: Uint8Array | null, sink: RecordSink): void {
  const refuse: Refuse = (reason, detail) =>
    sink.refused(reason, detail, value === null ? "" : anyText.decode(value.subarray(0, shownBytes)));
  if (value === null) return refuse("malformed", "The record has no value");
  const problem = sizeProblem(value);
  if (problem !== null) return refuse(...problem);
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return refuse("malformed", "The record is not UTF-8");
  }
  parseText(form, text, (id, message) => sink.message(id, message), refuse);
}

const utf8Bytes = new TextEncoder();

/**
 * For records that are folded directly: by form, what reads one. They say as much as `parseRecord`, and only sensors'
 * messages come of it.
 */
export const readers: Readonly<Record<RecordForm, (value: string, sink: DirectSink) => void>> = {
  reading: (value, sink) => readText("reading", value, sink),
  recovery: (value, sink) => readText("recovery", value, sink),
};

function readText(form: RecordForm, text: string, sink: DirectSink): void {
  if (text.length > harmlessBytes) {
    const bytes = utf8Bytes.encode(text);
    const problem = sizeProblem(bytes);
    if (problem !== null) return sink.refuse(...problem);
  }
  parseText(
    form,
    text,
    (id, message) => sink.message("sensor", id, message),
    (reason, detail) => sink.refuse(reason, detail),
  );
}

/** Why a record may not be parsed: a reason and a sentence; null when it may. */
function sizeProblem(bytes: Uint8Array): [reason: RefusalReason, detail: string] | null {
  if (bytes.length > maxRecordBytes) {
    return ["too-large", `The record has ${bytes.length} bytes; ${maxRecordBytes} are the most`];
  }
  if (bytes.length > harmlessBytes && isNestedDeeper(bytes, maxDepth, false)) {
    return ["malformed", `The record is nested more than ${maxDepth} deep`];
  }
  return null;
}

function parseText(form: RecordForm, text: string, take: TakeMessage, refuse: Refuse): void {
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (thrown) {
    return refuse("malformed", `The record is not JSON: ${errorMessage(thrown)}`);
  }
  if (!Array.isArray(items)) return parseItem(form, items, take, refuse);
  for (const item of items) parseItem(form, item, take, refuse);
}

function parseItem(form: RecordForm, item: unknown, take: TakeMessage, refuse: Refuse): void {
  switch (form) {
    case "reading": {
      const parsed = parseReading(item);
      return parsed.ok ? take(parsed.id, parsed.message) : refuse("invalid", parsed.sentence);
    }
    case "recovery":
      return parseRecovery(item, take, refuse);
  }
}

const recoveryFields = new Set(["id", "ts"]);

function parseRecovery(item: unknown, take: TakeMessage, refuse: Refuse): void {
  if (!isItem(item)) return refuse("invalid", `A recovery is an object, not ${shown(item)}`);
  const { id: name, ts } = item;
  const id = idText(name);
  const timeMs = ts === undefined ? null : parseTime(ts);
  const sentence = idSentence("id", name) ?? unknownFieldSentence(item, recoveryFields) ??
    (ts !== undefined && timeMs === null ? `ts is ${shown(ts)}: ${timeForms}` : null);
  if (id === null || sentence !== null) return refuse("invalid", sentence ?? "id is missing");
  take(id, recoveredAt(timeMs));
}
