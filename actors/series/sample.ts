/**
 * Samples of series as they arrive over HTTP: `{id, ts?, seq?, value}` or `{name, labels?, ts?, seq?, value}`.
 *
 * 1. `parseSample` and the schema `Sample` have the same verdict on every value that came from JSON.
 */

import { z } from "zod";
import { idProblem } from "../../runtime/core/registry.ts";
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
} from "../sensors/edge.ts";
import { ChannelValue, isChannelValue, withoutProto } from "../sensors/message_parts.ts";
import type { SampleMessage } from "./series.ts";

export type Labels = Readonly<Record<string, string>>;

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/**
 * The id of a series: `name{a="b",c="d"}`, labels sorted, values escaped as in Prometheus' text format. A label that
 * PromQL wants quoted is: `name{"service-name"="x"}` (https://prometheus.io/docs/guides/utf8/).
 *
 * @example seriesId("http_requests", {method: "get"}) === 'http_requests{method="get"}'
 */
export function seriesId(name: string, labels: Labels = {}): string {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return name;
  const pairs = names.map((label) => `${labelText(label)}="${escaped(labels[label]!)}"`);
  return `${name}{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (c) => escapes[c]!);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, one: string) => one === "n" ? "\n" : one);
}

function labelText(label: string): string {
  return plainLabelForm.test(label) ? label : `"${escaped(label)}"`;
}

/** Names and label names that cannot be taken for a piece of another id. */
// deno-lint-ignore no-control-regex -- an id has none
const nameForm = /^[^{}"=,\\\u0000-\u001f\u007f]+$/;
// deno-lint-ignore no-control-regex -- an id has none
const labelForm = /^(?!__)[^\u0000-\u001f\u007f]+$/;
/** Of those that stand in an id as they are; the dot, as ids had it before there were quoted ones. */
const plainLabelForm = /^[A-Za-z_][A-Za-z0-9_.]*$/;

/** The line feed is escaped in an id. */
// deno-lint-ignore no-control-regex -- an id has no other
const labelValueForm = /^[^\u0000-\u0009\u000b-\u001f\u007f]*$/;

/** A name and labels, as a series' id has them. */
export interface SeriesParts {
  readonly name: string;
  readonly labels: Labels;
}

const labelPair = /(?:([A-Za-z_][A-Za-z0-9_.]*)|"((?:[^"\\]|\\[\\"])+)")="((?:[^"\\]|\\[\\"n])*)"(,|$)/y;

function parseLabels(text: string): Labels | null {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    labelPair.lastIndex = at;
    const [whole, plain, quoted, value, end] = labelPair.exec(text) ?? [];
    if (whole === undefined || value === undefined) return null;
    const label = plain ?? unescaped(quoted ?? "");
    // One that is quoted without need would be a second id of the same series.
    if (quoted !== undefined && plainLabelForm.test(label)) return null;
    if (!labelForm.test(label) || Object.hasOwn(labels, label)) return null;
    labels[label] = unescaped(value);
    at += whole.length;
    // A comma announces one more.
    if (end === "," && at === text.length) return null;
  }
  return at === 0 ? null : labels;
}

/**
 * The name and labels of a series, by its id. What is not of the form that `seriesId` makes is a name as a whole: an
 * id may be any text.
 *
 * @example parseSeriesId('http_requests{method="get"}').labels.method === "get"
 */
export function parseSeriesId(id: string): SeriesParts {
  const open = id.indexOf("{");
  const whole = { name: id, labels: {} };
  if (open === -1 || !id.endsWith("}")) return whole;
  const name = id.slice(0, open);
  const labels = parseLabels(id.slice(open + 1, -1));
  return labels === null || !nameForm.test(name) ? whole : { name, labels };
}

const knownFields = new Set(["id", "name", "labels", "ts", "seq", "value"]);

const IdSample = z.strictObject({ id: Id, ...envelopeFields, value: ChannelValue });

const NamedSample = z.strictObject({
  name: z.string().regex(nameForm),
  labels: z.preprocess(withoutProto, z.record(z.string().regex(labelForm), z.string().regex(labelValueForm)))
    .optional(),
  ...envelopeFields,
  value: ChannelValue,
}).refine(({ name, labels }) => idProblem(seriesId(name, labels)) === null, {
  message: "Name and labels together make an id of at most 1,024 bytes without control characters",
});

/** One sample of a series. */
export const Sample = z.preprocess(withoutProto, z.union([IdSample, NamedSample]));

/** What is wrong with a label's name. */
function labelProblem(label: string): string {
  if (label === "") return "is empty; a label has a name";
  return label.startsWith("__")
    ? 'begins with "__", which Prometheus keeps to itself; another name is needed'
    : "has a control character; a label has none";
}

/** Why a name and labels are no series' id, as a sentence without a full stop; null when they are. */
export function seriesProblem({ name, labels }: SeriesParts): string | null {
  if (!nameForm.test(name)) return `the name ${shown(name)} has one of { } " = , \\ or a control character`;
  for (const [label, value] of Object.entries(labels)) {
    if (!labelForm.test(label)) return `the label ${shown(label)} ${labelProblem(label)}`;
    if (!labelValueForm.test(value)) return `the value of ${label}, ${shown(value)}, has a control character`;
  }
  return idProblem(seriesId(name, labels));
}

function isLabels(value: unknown): value is Labels {
  return isItem(value) &&
    Object.entries(value).every(([label, text]) => labelForm.test(label) && typeof text === "string");
}

function labelsSentence(labels: unknown): string {
  if (!isItem(labels)) return `labels is ${shown(labels)}: an object of texts is needed`;
  for (const [label, text] of Object.entries(labels)) {
    if (!labelForm.test(label)) {
      return `labels has ${shown(label)}, which ${labelProblem(label)}`;
    }
    if (typeof text !== "string") return `labels.${label} is ${shown(text)}: a text is needed`;
  }
  return "labels cannot be read";
}

type Named = { readonly id: string } | { readonly sentence: string };

function idOf(item: Item): Named {
  const { id, name, labels } = item;
  if (name === undefined) {
    if (labels !== undefined) return { sentence: "labels go with name; an id contains its labels" };
    const sentence = id === undefined ? "Neither id nor name says which series" : idSentence("id", id);
    return sentence === null ? { id: idText(id)! } : { sentence };
  }
  if (id !== undefined) return { sentence: "id and name both say which series: one of them is needed" };
  if (typeof name !== "string" || !nameForm.test(name)) {
    return {
      sentence: `name is ${shown(name)}: a text without { } " = , \\ is needed; labels go into labels`,
    };
  }
  if (labels !== undefined && !isLabels(labels)) return { sentence: labelsSentence(labels) };
  const whole = seriesId(name, labels);
  const problem = idProblem(whole);
  return problem === null ? { id: whole } : { sentence: `name and labels make ${shown(whole)}. ${problem}` };
}

/**
 * Parses one sample.
 *
 * @param isImport whether it is history brought in later, which is never late
 */
export function parseSample(item: unknown, isImport = false): Parsed<SampleMessage> {
  if (!isItem(item)) return { ok: false, sentence: `A sample is an object, not ${shown(item)}` };
  const named = idOf(item);
  if ("sentence" in named) return { ok: false, sentence: named.sentence };
  const { value } = item;
  const sentence = unknownFieldSentence(item, knownFields) ?? envelopeSentence(item);
  if (sentence !== null) return { ok: false, sentence };
  if (!isChannelValue(value)) {
    return { ok: false, sentence: `value is ${shown(value)}: a number or true/false is needed` };
  }
  const [ts, seq] = envelopeOf(item);
  return { ok: true, id: named.id, message: isImport ? [ts, seq, value, 1] : [ts, seq, value] };
}
