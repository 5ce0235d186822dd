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

/** Takes what a record is made of. */
export interface RecordSink {
  message(id: string, message: Json): void;
  /** `reason`: a short label; `beginning`: of the record's text. */
  refused(reason: string, detail: string, beginning: string): void;
}

export type RecordForm = "reading" | "recovery";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const anyText = new TextDecoder();

export function parseRecord(form: RecordForm, value: Uint8Array | null, sink: RecordSink): void {
  const refuse = (reason: string, detail: string) =>
    sink.refused(reason, detail, value === null ? "" : anyText.decode(value.subarray(0, shownBytes)));
  if (value === null) return refuse("malformed", "The record has no value");
  if (value.length > maxRecordBytes) {
    return refuse("too-large", `The record has ${value.length} bytes; ${maxRecordBytes} are the most`);
  }
  if (value.length > harmlessBytes && isNestedDeeper(value, maxDepth, false)) {
    return refuse("malformed", `The record is nested more than ${maxDepth} deep`);
  }
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return refuse("malformed", "The record is not UTF-8");
  }
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (thrown) {
    return refuse("malformed", `The record is not JSON: ${errorMessage(thrown)}`);
  }
  if (!Array.isArray(items)) return parseItem(form, items, sink, refuse);
  for (const item of items) parseItem(form, item, sink, refuse);
}

function parseItem(
  form: RecordForm,
  item: unknown,
  sink: RecordSink,
  refuse: (reason: string, detail: string) => void,
): void {
  switch (form) {
    case "reading": {
      const parsed = parseReading(item);
      return parsed.ok ? sink.message(parsed.id, parsed.message) : refuse("invalid", parsed.sentence);
    }
    case "recovery":
      return parseRecovery(item, sink, refuse);
  }
}

const recoveryFields = new Set(["id", "ts"]);

function parseRecovery(
  item: unknown,
  sink: RecordSink,
  refuse: (reason: string, detail: string) => void,
): void {
  if (!isItem(item)) return refuse("invalid", `A recovery is an object, not ${shown(item)}`);
  const { id: name, ts } = item;
  const id = idText(name);
  const timeMs = ts === undefined ? null : parseTime(ts);
  const sentence = idSentence("id", name) ?? unknownFieldSentence(item, recoveryFields) ??
    (ts !== undefined && timeMs === null ? `ts is ${shown(ts)}: ${timeForms}` : null);
  if (id === null || sentence !== null) return refuse("invalid", sentence ?? "id is missing");
  sink.message(id, recoveredAt(timeMs));
}
