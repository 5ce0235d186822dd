/**
 * Readings as they arrive over HTTP, in one of two forms:
 *
 *     {id, ts?, seq?, values: {temperature: 21.5, door: true}}
 *     {id, ts?, seq?, movement?, smoke?, temperature?, max_temperature?}      alarm panels; values may be strings
 *
 * 1. `parseReading` and the schema `Reading` have the same verdict on every value that came from JSON.
 */

import { z } from "zod";
import { maxReadingChannels } from "../analytics/limits.ts";
import type { Value } from "../analytics/channel.ts";
import {
  envelopeFields,
  envelopeOf,
  envelopeSentence,
  Id,
  idSentence,
  idText,
  isItem,
  type Item,
  type Parsed,
  shown,
  unknownFieldSentence,
} from "./edge.ts";
import {
  ChannelValues,
  isChannelName,
  isChannelValue,
  isChannelValues,
  isSequence,
  withoutProto,
} from "./message_parts.ts";
import { isPlainId, plainDecimal } from "./plain_text.ts";
import { type ReadingMessage, readingOf } from "./sensor.ts";
import { isTimeMs } from "./timestamp.ts";

/** So few digits that none is infinite. */
const decimal = /^[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,2})?$/;

function booleanOf(value: unknown): boolean | null {
  if (typeof value === "boolean") return value;
  return value === "true" ? true : value === "false" ? false : null;
}

function numberOf(value: unknown): number | null {
  const number = typeof value === "string" && decimal.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

const booleanForms = "true or false is needed";
const numberForms = "a number is needed";

interface PanelField {
  readonly name: string;
  readonly parse: (value: unknown) => Value | null;
  readonly forms: string;
}

const panelFields: readonly PanelField[] = [
  { name: "movement", parse: booleanOf, forms: booleanForms },
  { name: "smoke", parse: booleanOf, forms: booleanForms },
  { name: "temperature", parse: numberOf, forms: numberForms },
  { name: "max_temperature", parse: numberOf, forms: numberForms },
];

const panelFieldNames = panelFields.map(({ name }) => name);
const knownOfPanel = new Set(["id", "ts", "seq", ...panelFieldNames]);
const knownOfValues = new Set(["id", "ts", "seq", "values"]);

const BooleanText = z.union([z.boolean(), z.enum(["true", "false"])]);
const NumberText = z.union([
  z.number(),
  z.string().regex(decimal),
]);

const ValuesReading = z.strictObject({ id: Id, ...envelopeFields, values: ChannelValues });

const PanelReading = z.strictObject({
  id: Id,
  ...envelopeFields,
  movement: BooleanText.optional(),
  smoke: BooleanText.optional(),
  temperature: NumberText.optional(),
  max_temperature: NumberText.optional(),
}).refine((panel) => panelFieldNames.some((name) => Object.hasOwn(panel, name)), {
  message: `At least one of ${panelFieldNames.join(", ")} is needed`,
}).meta({ anyOf: panelFieldNames.map((name) => ({ required: [name] })) });

/** One reading of a sensor, in either form. */
export const Reading = z.preprocess(withoutProto, z.union([ValuesReading, PanelReading]));

function valuesSentence(values: unknown): string {
  if (!isItem(values)) return `values is ${shown(values)}: an object of numbers and true/false is needed`;
  for (const [name, value] of Object.entries(values)) {
    if (!isChannelName(name)) {
      return `values has the channel ${shown(name)}: a name is 1 to 64 of A-Z a-z 0-9 _ . : - and does not ` +
        `begin with "__"`;
    }
    if (!isChannelValue(value)) return `values.${name} is ${shown(value)}: a number or true/false is needed`;
  }
  return `values has ${Object.keys(values).length} channels: 1 to ${maxReadingChannels} are needed`;
}

function panelSentence(item: Item): string | null {
  const unknown = unknownFieldSentence(item, knownOfPanel);
  if (unknown !== null) return unknown;
  let count = 0;
  for (const { name, parse, forms } of panelFields) {
    const value = item[name];
    if (value === undefined) continue;
    if (parse(value) === null) return `${name} is ${shown(value)}: ${forms}`;
    count++;
  }
  return count > 0 ? null : `There is no value: values, or one of ${panelFieldNames.join(", ")} is needed`;
}

function panelValues(item: Item): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const { name, parse } of panelFields) {
    const value = item[name] === undefined ? null : parse(item[name]);
    if (value !== null) values[name] = value;
  }
  return values;
}

/** A value of a panel as almost all are sent; null leaves it to `panelFields`. */
function plainPanelValue(field: string, value: unknown): Value | null {
  switch (field) {
    case "movement":
    case "smoke":
      return booleanOf(value);
    case "temperature":
    case "max_temperature":
      return typeof value === "string" ? plainDecimal(value) : numberOf(value);
    default:
      return null;
  }
}

/**
 * Reads what almost every reading looks like in one pass; null where `parseCarefully` must look, which has the same
 * verdict and a sentence: a text as time, a number as id, an unknown field, anything wrong.
 */
function parsePlain(item: Item, isImport: boolean): Parsed<ReadingMessage> | null {
  let id: string | null = null;
  let ts: number | null = null;
  let seq: number | null = null;
  let values: unknown = null;
  let panel: Record<string, Value> | null = null;
  // deno-lint-ignore guard-for-in -- objects from JSON inherit nothing enumerable; keys() would allocate
  for (const field in item) {
    const value = item[field];
    switch (field) {
      case "id":
        if (typeof value !== "string" || !isPlainId(value)) return null;
        id = value;
        break;
      case "ts":
        if (!isTimeMs(value)) return null;
        ts = value;
        break;
      case "seq":
        if (!isSequence(value)) return null;
        seq = value;
        break;
      case "values":
        if (!isChannelValues(value)) return null;
        values = value;
        break;
      default: {
        const parsed = plainPanelValue(field, value);
        if (parsed === null) return null;
        panel ??= {};
        panel[field] = parsed;
      }
    }
  }
  if (id === null || (values === null) === (panel === null)) return null;
  const channels = (values ?? panel) as Record<string, Value>;
  return { ok: true, id, message: readingOf(ts, seq, channels, isImport) };
}

/**
 * Parses one reading.
 *
 * @param isImport whether it is history brought in later, which is never late
 */
export function parseReading(item: unknown, isImport = false): Parsed<ReadingMessage> {
  return (isItem(item) ? parsePlain(item, isImport) : null) ?? parseCarefully(item, isImport);
}

function parseCarefully(item: unknown, isImport: boolean): Parsed<ReadingMessage> {
  if (!isItem(item)) return { ok: false, sentence: `A reading is an object, not ${shown(item)}` };
  const id = idText(item["id"]);
  const hasValues = Object.hasOwn(item, "values");
  const sentence = idSentence("id", item["id"]) ?? envelopeSentence(item) ??
    (hasValues ? unknownFieldSentence(item, knownOfValues) : panelSentence(item));
  if (id === null || sentence !== null) return { ok: false, sentence: sentence ?? "id is missing" };
  const values = hasValues ? item["values"] : panelValues(item);
  if (!isChannelValues(values)) return { ok: false, sentence: valuesSentence(values) };
  const [ts, seq] = envelopeOf(item);
  return { ok: true, id, message: readingOf(ts, seq, values, isImport) };
}
