/** Where something was that was not done by its deadline: as data for programs, and as a sentence for people. */

import type { Address } from "../core/actor.ts";
import type { Standing, TurnDetails } from "./node_view.ts";

/** For a shard's answer. */
export interface AskWaiting {
  readonly type: "ask";
  /** Null where the shard itself was asked, for a checkpoint. */
  readonly target: Address | null;
  readonly shard: number;
  /** The node that has the shard, where that is another one. */
  readonly node: string | null;
  /** The thread of its node that folds it; null where that is not known. */
  readonly host: number | null;
  readonly state: AskState;
  readonly waitedMs: number;
  /** As in `ShardDetails`. */
  readonly queuedFrames: number | null;
  readonly oldestAgeMs: number | null;
  /** What the host has been doing for a while; null when nothing lasts. */
  readonly turn: TurnDetails | null;
}

type AskState =
  /** The shard is not folded at the moment: a host takes it over. */
  | "claiming"
  /** Its host is in a turn, or a slice, that lasts. */
  | "running"
  /** Behind frames that are not folded yet. */
  | "queued"
  /** Nothing is known to be before it: its host waits, say for the store. */
  | "unanswered"
  /** Another node has the shard, and has not said what it waits for. */
  | "elsewhere"
  /** No node is known to have the shard. */
  | "nowhere";

/** For messages to be durable. */
export interface SendWaiting {
  readonly type: "send";
  /** Null when they are for several actors. */
  readonly target: Address | null;
  readonly shards: readonly number[];
  readonly messages: number;
  readonly state:
    /** Behind an append that is under way. */
    | "gateway"
    /** The log has them. */
    | "log"
    /** The log has refused a part of them; another is written, or may yet be. */
    | "part";
  readonly waitedMs: number;
  /** They may be durable all the same, or become so. */
  readonly outcome: "unknown";
}

export type Waiting = AskWaiting | SendWaiting;

export function askWaiting(target: Address | null, standing: Standing, waitedMs: number): AskWaiting {
  const { shard: { shard, queuedFrames, oldestAgeMs }, host, turn } = standing;
  return {
    type: "ask",
    target,
    shard,
    node: null,
    host,
    state: stateOf(standing),
    waitedMs,
    queuedFrames,
    oldestAgeMs,
    turn,
  };
}

/** Of a shard that is not this node's. `node`: who has it. */
export function awayWaiting(
  target: Address | null,
  shard: number,
  node: string | null,
  waitedMs: number,
): AskWaiting {
  const state = node === null ? "nowhere" : "elsewhere";
  const unknown = { host: null, queuedFrames: null, oldestAgeMs: null, turn: null };
  return { type: "ask", target, shard, node, state, waitedMs, ...unknown };
}

function stateOf({ shard: { state, queuedFrames }, turn }: Standing): AskState {
  if (state === "elsewhere") return "elsewhere";
  if (turn !== null) return "running";
  if (state !== "running") return "claiming";
  return queuedFrames === null || queuedFrames === 0 ? "unanswered" : "queued";
}

export function askSentence(waiting: AskWaiting): string {
  const { target, waitedMs, queuedFrames, oldestAgeMs } = waiting;
  const whose = target === null ? "" : ` from ${target.kind} "${target.id}"`;
  const age = oldestAgeMs === null ? "" : `, the oldest for ${Math.round(oldestAgeMs)} ms`;
  const behind = queuedFrames === null || queuedFrames === 0
    ? ""
    : `; ${queuedFrames} frames of its log are not folded yet${age}`;
  return `No answer within ${waitedMs} ms${whose}: ${obstacle(waiting)}${behind}`;
}

function obstacle({ state, shard, node, host, turn }: AskWaiting): string {
  switch (state) {
    case "elsewhere":
      return `shard ${shard} is at ${
        node === null ? "another node" : `node ${node}`
      }, which has not answered`;
    case "nowhere":
      return `no node is known to have shard ${shard} now`;
    case "claiming":
      return `shard ${shard} is being claimed by host ${host}`;
    case "running":
      return `shard ${shard} waits for host ${host}, which ${turn === null ? "is busy" : business(turn)}`;
    case "queued":
      return `shard ${shard} on host ${host} is behind`;
    case "unanswered":
      return `shard ${shard} on host ${host} has folded what is known of its log, and may wait for the store`;
  }
}

function business({ shard, forMs, place, entry }: TurnDetails): string {
  if (place === null) return `has been busy with shard ${shard} for ${forMs} ms, outside any turn`;
  const { topic, offset, index } = place;
  const where = topic === undefined ? `frame ${offset}` : `record ${offset} of ${topic}`;
  const whose = entry === null ? "" : ` of ${entry.kind} "${entry.id}"`;
  return `has been in a turn of shard ${shard} for ${forMs} ms, at the message${whose} in ${where}, entry ${index}`;
}

const sendObstacles = {
  gateway: "an append before it is under way",
  log: "the log has it and does not answer",
  part: "the log has refused a part, and may have another",
} as const satisfies Record<SendWaiting["state"], string>;

export function sendSentence({ target, shards, messages, state, waitedMs }: SendWaiting): string {
  const what = target === null
    ? `${messages} messages for ${shards.length === 1 ? `shard ${shards[0]}` : `${shards.length} shards`}`
    : `a message for ${target.kind} "${target.id}" in shard ${shards[0]}`;
  // The log has answered.
  const found = state === "part"
    ? `Not all of ${what} are accepted`
    : `No answer within ${waitedMs} ms to ${what}`;
  return `${found}: ${sendObstacles[state]}. ` +
    "The outcome is unknown: repeat it under the same Idempotency-Key";
}
