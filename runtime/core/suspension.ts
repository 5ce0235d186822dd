/**
 * An actor that throws more often than `failureIntensity` allows is suspended: it has no turns, and its messages and
 * timers are parked until somebody resumes it. So its shard is spared a refold for every one of them.
 *
 * 1. Failures are dated by log time, and all of this is part of the actor's own snapshot: every replay suspends it at
 *    the same message, and an eviction, a takeover or a restart changes nothing.
 * 2. What is parked keeps its order, and is bounded by count and size: the snapshot stays small.
 */

import type { Address } from "./actor.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { maxSuspensionDetail, type ShardLimits } from "./limits.ts";

/** A message that waits. */
export interface ParkedMessage {
  readonly version: number;
  /** JSON text. */
  readonly message: string;
  readonly sender: Address | null;
}

export interface Suspension {
  /** Log time. */
  readonly sinceMs: number;
  /** Why, as a sentence. */
  readonly detail: string;
  readonly parked: ParkedMessage[];
  /** Units of text in what is parked. */
  parkedUnits: number;
}

/** An actor's failures that may still count, and what came of them. */
export interface Standing {
  /** Log times, ascending. */
  failedAtMs: readonly number[];
  suspension: Suspension | null;
}

export const noFailures: readonly number[] = [];

/** Counts a failure; true when it is one too many, and the actor is suspended from here on. */
export function fail(
  standing: Standing,
  nowMs: number,
  error: string,
  { failures, withinMs }: ShardLimits["failureIntensity"],
): boolean {
  const recent = standing.failedAtMs.filter((atMs) => atMs > nowMs - withinMs);
  if (recent.length < failures) {
    standing.failedAtMs = [...recent, nowMs];
    return false;
  }
  const detail = `It threw ${recent.length + 1} times within ${withinMs / 1000} s, the last time: ${error}`;
  standing.failedAtMs = noFailures;
  standing.suspension = {
    sinceMs: nowMs,
    detail: detail.slice(0, maxSuspensionDetail).toWellFormed(),
    parked: [],
    parkedUnits: 0,
  };
  return true;
}

function unitsOf({ message, sender }: ParkedMessage): number {
  return message.length + (sender === null ? 0 : sender.kind.length + sender.id.length);
}

/** False when there is no room. */
export function park(
  suspension: Suspension,
  parked: ParkedMessage,
  { maxParkedMessages, maxParkedUnits }: ShardLimits,
): boolean {
  const units = suspension.parkedUnits + unitsOf(parked);
  if (suspension.parked.length >= maxParkedMessages || units > maxParkedUnits) return false;
  suspension.parked.push(parked);
  suspension.parkedUnits = units;
  return true;
}

export function encodeStanding({ failedAtMs, suspension }: Standing, out: ByteWriter): void {
  out.u8(failedAtMs.length);
  for (const atMs of failedAtMs) out.f64(atMs);
  out.u8(suspension === null ? 0 : 1);
  if (suspension === null) return;
  out.f64(suspension.sinceMs);
  out.text(suspension.detail);
  out.u16(suspension.parked.length);
  for (const { version, message, sender } of suspension.parked) {
    out.u32(version);
    out.text(message);
    // No kind is empty.
    out.text(sender?.kind ?? "");
    if (sender !== null) out.text(sender.id);
  }
}

export function decodeStanding(reader: ByteReader): Standing {
  const failures = reader.u8();
  const failedAtMs = failures === 0 ? noFailures : Array.from({ length: failures }, () => reader.f64());
  if (reader.u8() === 0) return { failedAtMs, suspension: null };
  const suspension: Suspension = {
    sinceMs: reader.f64(),
    detail: reader.text(),
    parked: [],
    parkedUnits: 0,
  };
  for (let left = reader.u16(); left > 0; left--) {
    const version = reader.u32();
    const message = reader.text();
    const kind = reader.text();
    const parked = { version, message, sender: kind === "" ? null : { kind, id: reader.text() } };
    suspension.parked.push(parked);
    suspension.parkedUnits += unitsOf(parked);
  }
  return { failedAtMs, suspension };
}
