/** Checkpoints for tests, from what is interesting about them. Each call makes new buffers. */

import { noRows, packedRow, packRows } from "../../runtime/core/bytes.ts";
import {
  type Checkpoint,
  type Claim,
  type DeadLetter,
  emptyMemory,
  type SnapshotBatch,
} from "../../runtime/core/checkpoint.ts";

export interface ActorRow {
  readonly kind?: string;
  readonly id: string;
  readonly hot: string;
  readonly cold?: string;
  readonly dueMs?: number;
}

export interface HistoryRow {
  readonly kind?: string;
  readonly id: string;
  readonly stepMs?: number;
  readonly startMs: number;
  readonly part: number;
  readonly row: string;
}

export type CheckpointParts = Partial<Omit<Checkpoint, "snapshots" | "history">> & {
  readonly actors?: readonly ActorRow[];
  readonly history?: readonly HistoryRow[];
};

export const minuteMs = 60_000;
export const shardCount = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function pack(texts: readonly string[]) {
  return texts.length === 0 ? noRows : packRows(texts.map((text) => encoder.encode(text)));
}

function snapshotsOf(actors: readonly ActorRow[]): SnapshotBatch {
  const withCold = actors.flatMap(({ cold }, index) => cold === undefined ? [] : [{ index, cold }]);
  return {
    kinds: actors.map(({ kind }) => kind ?? "sensor"),
    ids: actors.map(({ id }) => id),
    dueMs: actors.map(({ dueMs }) => dueMs ?? null),
    hot: pack(actors.map(({ hot }) => hot)),
    coldOf: withCold.map(({ index }) => index),
    cold: pack(withCold.map(({ cold }) => cold)),
  };
}

/** The commit after `claim`, or after `commit` others of it. */
export function checkpoint(
  { shard, epoch, commit }: Pick<Claim, "shard" | "epoch" | "commit">,
  { actors = [], history = [], ...parts }: CheckpointParts = {},
): Checkpoint {
  return {
    shard,
    epoch,
    commit: commit + 1,
    positions: {},
    memory: emptyMemory,
    outbox: [],
    outboxDone: [],
    requests: [],
    requestsDone: [],
    deadLetters: [],
    replayed: [],
    keys: null,
    keysBeforeMs: 0,
    snapshots: snapshotsOf(actors),
    history: {
      kinds: history.map(({ kind }) => kind ?? "sensor"),
      ids: history.map(({ id }) => id),
      stepMs: history.map(({ stepMs }) => stepMs ?? minuteMs),
      startMs: history.map(({ startMs }) => startMs),
      parts: history.map(({ part }) => part),
      rows: pack(history.map(({ row }) => row)),
    },
    ...parts,
  };
}

/** What a load answered, as texts. */
export function actorRows({ kinds, ids, dueMs, hot, coldOf, cold }: SnapshotBatch): ActorRow[] {
  return ids.map((id, index) => {
    const coldAt = coldOf.indexOf(index);
    const due = dueMs[index];
    return {
      kind: kinds[index]!,
      id,
      hot: decoder.decode(packedRow(hot, index)),
      ...(coldAt < 0 ? {} : { cold: decoder.decode(packedRow(cold, coldAt)) }),
      ...(due === null || due === undefined ? {} : { dueMs: due }),
    };
  });
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function deadLetter(id: string, parts: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id,
    shard: 0,
    topic: "mailbox",
    offset: 7,
    kind: "sensor",
    actorId: "a",
    reason: "threw",
    detail: "it threw a text with \0 inside",
    stack: null,
    message: '{"value":1}',
    messageVersion: 1,
    atMs: 1000,
    replays: 0,
    ...parts,
  };
}
