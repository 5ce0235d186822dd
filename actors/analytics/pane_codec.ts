/** A pane in a row of bytes: 4, 8 or 36 bytes by the type of its channel. */

import type { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import { type Pane, setBooleanPane, setConstantPane } from "./pane.ts";

/**
 * What a channel's panes hold: `constant` counts one value, `boolean` counts values and ones, `numeric`
 * everything. A channel only ever moves up.
 */
export const paneTypes = { constant: 0, boolean: 1, numeric: 2 } as const;
export type PaneType = (typeof paneTypes)[keyof typeof paneTypes];

/** Bytes of a pane by type, in slabs and in rows alike. */
export const paneBytes: readonly [number, number, number] = [4, 8, 36];

export const paneTypeNames: readonly [string, string, string] = ["constant", "boolean", "numeric"];

export function readPaneType(reader: ByteReader): PaneType {
  const type = reader.u8();
  if (type === paneTypes.constant || type === paneTypes.boolean || type === paneTypes.numeric) return type;
  throw new FormatError(`Cannot read panes of type ${type}: 0 to 2 are known`);
}

export function writePane(writer: ByteWriter, type: PaneType, pane: Readonly<Pane>): void {
  writer.u32(pane.count);
  switch (type) {
    case paneTypes.constant:
      return;
    case paneTypes.boolean:
      return writer.u32(pane.sum);
    case paneTypes.numeric:
      writer.f64(pane.sum);
      writer.f64(pane.m2);
      writer.f64(pane.min);
      return writer.f64(pane.max);
  }
}

/** Reads what `writePane` wrote; `constant` is the channel's value if it is of that type. */
export function readPane(reader: ByteReader, type: PaneType, constant: number, pane: Pane): void {
  const count = reader.u32();
  switch (type) {
    case paneTypes.constant:
      return setConstantPane(pane, count, constant);
    case paneTypes.boolean:
      return setBooleanPane(pane, count, reader.u32());
    case paneTypes.numeric:
      pane.count = count;
      pane.sum = reader.f64();
      pane.m2 = reader.f64();
      pane.min = reader.f64();
      pane.max = reader.f64();
  }
}

/** Names are ASCII of at most 64 characters: one byte of length will do. */
export function writeName(writer: ByteWriter, name: string): void {
  writer.u8(name.length);
  writer.ascii(name);
}

/** Names that were read lately: a few stand in the rows of thousands of actors, which then share their texts. */
const recentNames = new Array<string>(64).fill("");

function isWrittenAs(name: string, bytes: Uint8Array): boolean {
  if (name.length !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (name.charCodeAt(i) !== bytes[i]) return false;
  return true;
}

export function readName(reader: ByteReader): string {
  const bytes = reader.raw(reader.u8());
  let place = bytes.length;
  for (let i = 0; i < bytes.length; i++) place = (place * 31 + bytes[i]!) & (recentNames.length - 1);
  const recent = recentNames[place]!;
  if (isWrittenAs(recent, bytes)) return recent;
  return recentNames[place] = String.fromCharCode(...bytes);
}
