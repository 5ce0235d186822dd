/**
 * One actor of the plain model: its state, its timers, its failures, and how it was after each place of the log.
 *
 * 1. It is suspended by the throw that is one more than `failureIntensity` allows, by log time.
 * 2. What waits for it is bounded by count and size, and keeps its order.
 */

import type { Address } from "../core/actor.ts";
import type { ShardLimits } from "../core/limits.ts";
import { initialState } from "./program.ts";

/** A message on its way to an actor. */
export interface Delivery {
  readonly to: Address;
  readonly sender: Address | null;
  readonly version: number;
  /** The message as JSON. */
  readonly message: string;
  /** It waited for a suspended actor, and somebody said that it is not to be folded. */
  readonly isDiscarded: boolean;
}

export interface ModelTimer {
  readonly dueMs: number;
  readonly program: string;
}

interface Suspended {
  readonly sinceMs: number;
  /** Messages that wait. */
  readonly parked: number;
}

/** How an actor is from a place on. An actor begins with its first message, whatever becomes of it. */
export interface ActorVersion {
  /** As `placeOf` numbers them. */
  readonly place: number;
  readonly json: string;
  /** `due name message` of each timer, sorted. */
  readonly timers: readonly string[];
  readonly dueMs: number | null;
  readonly suspended: Suspended | null;
  /** As `standingText` writes it. */
  readonly standing: string;
}

export function timerTexts(
  timers: Iterable<readonly [string, { readonly dueMs: number; readonly message: string }]>,
): readonly string[] {
  return [...timers].map(([name, { dueMs, message }]) => `${dueMs} ${name} ${message}`).sort();
}

interface SuspensionLike {
  readonly sinceMs: number;
  readonly parked: readonly Pick<Delivery, "version" | "sender" | "message">[];
}

/** An actor's failures that may still count, and what waits for it, as text. */
export function standingText(failedAtMs: readonly number[], suspension: SuspensionLike | null): string {
  const failures = `failures [${failedAtMs.join(", ")}]`;
  if (suspension === null) return failures;
  const parked = suspension.parked.map(({ version, sender, message }) =>
    `${sender === null ? "" : `${sender.kind}/${sender.id}`} > ${version} ${message}`
  );
  return `${failures}, suspended since ${suspension.sinceMs}, waiting [${parked.join("; ")}]`;
}

function unitsOf({ sender, message }: Delivery): number {
  return message.length + (sender === null ? 0 : sender.kind.length + sender.id.length);
}

export class ModelActor {
  readonly address: Address;
  /** The state as JSON: a turn works on a parsed copy. */
  json = JSON.stringify(initialState());
  timers: ReadonlyMap<string, ModelTimer> = new Map();
  readonly versions: ActorVersion[] = [];
  #failedAtMs: readonly number[] = [];
  #suspension: { readonly sinceMs: number; readonly parked: Delivery[] } | null = null;

  constructor(address: Address) {
    this.address = address;
  }

  get isSuspended(): boolean {
    return this.#suspension !== null;
  }

  /** A turn threw; true when the actor is suspended for it. */
  fail(nowMs: number, { failures, withinMs }: ShardLimits["failureIntensity"]): boolean {
    const counting = [...this.#failedAtMs.filter((atMs) => nowMs - atMs < withinMs), nowMs];
    const isTooOften = counting.length > failures;
    this.#failedAtMs = isTooOften ? [] : counting;
    if (isTooOften) this.#suspension = { sinceMs: nowMs, parked: [] };
    return isTooOften;
  }

  /** The message waits, if there is room. */
  park(delivery: Delivery, { maxParkedMessages, maxParkedUnits }: ShardLimits): boolean {
    const waiting = [...this.#suspension?.parked ?? [], delivery];
    const units = waiting.reduce((sum, each) => sum + unitsOf(each), 0);
    if (waiting.length > maxParkedMessages || units > maxParkedUnits) return false;
    this.#suspension?.parked.push(delivery);
    return true;
  }

  /** Ends the suspension, if there is one; answers what waited. */
  release(): readonly Delivery[] {
    if (this.#suspension === null) return [];
    const { parked } = this.#suspension;
    this.#suspension = null;
    return parked;
  }

  /** Notes how the actor is from `place` on. */
  record(place: number): void {
    const timers = [...this.timers].map(([name, { dueMs, program }]) =>
      [name, { dueMs, message: program }] as const
    );
    const suspension = this.#suspension;
    this.versions.push({
      place,
      json: this.json,
      timers: timerTexts(timers),
      dueMs: timers.length === 0 ? null : Math.min(...timers.map(([, { dueMs }]) => dueMs)),
      suspended: suspension && { sinceMs: suspension.sinceMs, parked: suspension.parked.length },
      standing: standingText(this.#failedAtMs, suspension),
    });
  }
}
