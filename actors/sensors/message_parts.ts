/** Parts of messages that all kinds of actors with windows share, as zod schemas and as cheap checks. */

import { z } from "zod";
import { maxChannelName, maxReadingChannels } from "../analytics/limits.ts";
import { isTimeMs, maxTimeMs } from "./timestamp.ts";
import type { Values } from "../analytics/window_state.ts";

export const TimeMs = z.int().min(0).max(maxTimeMs);

/** A sender's own number of a reading. */
export const Sequence = z.int().min(0);

export const ChannelName = z.string().max(maxChannelName).regex(/^(?!__)[A-Za-z0-9_.:-]+$/);

export const ChannelValue = z.union([z.number(), z.boolean()]);

/** An own key `__proto__`, which JSON can make, would be skipped by zod's objects and records. */
export function withoutProto(value: unknown): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "__proto__") ? null : value;
}

export const ChannelValues = z.preprocess(
  withoutProto,
  z.record(ChannelName, ChannelValue).refine(
    (values) => Object.keys(values).length >= 1 && Object.keys(values).length <= maxReadingChannels,
    `A reading has 1 to ${maxReadingChannels} channels`,
  ).meta({ minProperties: 1, maxProperties: maxReadingChannels }),
);

/** The names of a reading's channels in one text, in the order of its values. */
export const ChannelNames = z.string().refine((text) => {
  const names = text.split(",");
  return names.length <= maxReadingChannels && new Set(names).size === names.length &&
    names.every((name) => ChannelName.safeParse(name).success);
}, `Names of 1 to ${maxReadingChannels} channels, joined by ","`);

/** 1 marks history that is brought in later: it is never late. */
export const ImportMark = z.literal(1);

export function isTimeOrNull(value: unknown): boolean {
  return value === null || isTimeMs(value);
}

export function isSequence(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function isChannelValue(value: unknown): value is number | boolean {
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}

/** By character code: 1 where a channel's name may have it. */
const nameCharacters = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-") {
  nameCharacters[character.charCodeAt(0)] = 1;
}

export function isChannelName(name: string): boolean {
  const { length } = name;
  if (length < 1 || length > maxChannelName) return false;
  for (let i = 0; i < length; i++) if (nameCharacters[name.charCodeAt(i)] !== 1) return false;
  return !name.startsWith("__");
}

/** Names that passed, so that a name that comes with every reading is looked at once. */
const knownNames = new Set<string>();
const maxKnownNames = 1024;

function isKnownName(name: string): boolean {
  if (knownNames.has(name)) return true;
  if (!isChannelName(name)) return false;
  if (knownNames.size < maxKnownNames) knownNames.add(name);
  return true;
}

/** Lists of names by their text, so that one that comes with every reading is read once. */
const knownLists = new Map<string, readonly string[]>();
let last: { readonly text: string; readonly names: readonly string[] | null } = { text: "", names: null };

/**
 * The names in a text that `ChannelNames` accepts; null for any other. The same strings each time, so that comparing
 * them with those of an actor's channels takes no look at their characters.
 */
export function namesOf(text: string): readonly string[] | null {
  if (text !== last.text) last = { text, names: knownLists.get(text) ?? readNames(text) };
  return last.names;
}

function readNames(text: string): readonly string[] | null {
  const names = text.split(",");
  const isRight = names.length <= maxReadingChannels && names.every(isKnownName) &&
    new Set(names).size === names.length;
  if (isRight && knownLists.size < maxKnownNames) knownLists.set(text, names);
  return isRight ? names : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The verdict of `ChannelValues` on a value that came from JSON. */
export function isChannelValues(value: unknown): value is Values {
  if (!isRecord(value)) return false;
  let count = 0;
  // deno-lint-ignore guard-for-in -- objects from JSON inherit nothing enumerable; keys() would allocate
  for (const name in value) {
    if (!isKnownName(name) || !isChannelValue(value[name])) return false;
    count++;
  }
  return count >= 1 && count <= maxReadingChannels;
}

/** The verdict of `[TimeMs or null, Sequence or null, body, ImportMark?]` but for the body. */
export function isEnvelope(value: unknown): value is readonly [number | null, number | null, unknown, 1?] {
  return Array.isArray(value) &&
    (value.length === 3 || (value.length === 4 && value[3] === 1)) &&
    isTimeOrNull(value[0]) &&
    (value[1] === null || isSequence(value[1]));
}
