/**
 * The store's write-ahead log, looked at before SQLite does: SQLite takes everything from the first frame on that does not
 * match its checksum for what a crash left, and forgets it without a word.
 *
 * 1. A crash cuts short the last transaction and no other: each is on the disk before the next begins
 *    (`synchronous=FULL`). Two commits after a frame that is not whole say that the frame was damaged later.
 *
 * Format: https://www.sqlite.org/fileformat2.html#walformat
 */

import { existsSync, readFileSync } from "node:fs";

const headerBytes = 32;
const frameHeaderBytes = 24;
/** The last bit says in which order the words of checksums are read. */
const magic = 0x377f0682;

export type WalState =
  /** Whole, or cut short where no transaction had ended. */
  | { readonly type: "whole" }
  /** What a crash or a truncation leaves: the last transaction, or what came of it, is not whole. */
  | { readonly type: "cut-short"; readonly lostBytes: number }
  /** `found` says what, as a clause. */
  | { readonly type: "damaged"; readonly found: string };

type Sums = readonly [number, number];

function checksum(view: DataView, from: number, to: number, isLittle: boolean, [first, second]: Sums): Sums {
  let s0 = first;
  let s1 = second;
  for (let at = from; at < to; at += 8) {
    s0 = (s0 + view.getUint32(at, isLittle) + s1) >>> 0;
    s1 = (s1 + view.getUint32(at + 4, isLittle) + s0) >>> 0;
  }
  return [s0, s1];
}

function hasSums(view: DataView, at: number, [first, second]: Sums): boolean {
  return view.getUint32(at) === first && view.getUint32(at + 4) === second;
}

export function inspectWal(path: string): WalState {
  if (!existsSync(path)) return { type: "whole" };
  const bytes = readFileSync(path);
  // A new one that nothing was written to, or whose first bytes never reached the disk.
  if (bytes.length < headerBytes || bytes.subarray(0, headerBytes).every((byte) => byte === 0)) {
    return { type: "whole" };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = view.getUint32(0) === magic;
  const sums = checksum(view, 0, 24, isLittle, [0, 0]);
  if ((view.getUint32(0) | 1) !== (magic | 1) || !hasSums(view, 24, sums)) {
    return { type: "damaged", found: "its header does not match its checksum" };
  }
  return inspectFrames(view, isLittle, sums);
}

function inspectFrames(view: DataView, isLittle: boolean, headerSums: Sums): WalState {
  const frameBytes = frameHeaderBytes + view.getUint32(8);
  /** Frames of an earlier use of the file have other salts. */
  const isOfThisUse = (at: number) =>
    view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
  const isCommit = (at: number) => view.getUint32(at + 4) !== 0;
  let sums = headerSums;
  let at = headerBytes;
  for (; at + frameBytes <= view.byteLength && isOfThisUse(at); at += frameBytes) {
    const next = checksum(view, at, at + 8, isLittle, sums);
    sums = checksum(view, at + frameHeaderBytes, at + frameBytes, isLittle, next);
    if (!hasSums(view, at + 16, sums)) break;
  }
  const wholeTo = at;
  let commits = 0;
  for (; at + frameBytes <= view.byteLength; at += frameBytes) if (isOfThisUse(at) && isCommit(at)) commits++;
  if (commits > 1) {
    return {
      type: "damaged",
      found: `${commits} transactions follow a frame at ${wholeTo} that is not whole`,
    };
  }
  const isCutShort = commits > 0 || (view.byteLength - headerBytes) % frameBytes !== 0;
  return isCutShort ? { type: "cut-short", lostBytes: view.byteLength - wholeTo } : { type: "whole" };
}
