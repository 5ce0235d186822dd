/**
 * Bugs to be found in runs of any number of nodes: each spoils what passes, as the bug in the shard would; each says
 * which.
 */

import { ByteReader, ByteWriter, noRows, packedRow, packRows } from "../core/bytes.ts";
import type { Checkpoint, SnapshotBatch } from "../core/checkpoint.ts";
import { decodeFrame, encodeFrame, entryStride, partMarker } from "../core/frame.ts";
import type { LogFrame } from "../core/log_frame.ts";
import type { Action } from "../core/shard_api.ts";
import { honest, type Plant } from "./plant.ts";

const noSnapshots: SnapshotBatch = { kinds: [], ids: [], dueMs: [], hot: noRows, coldOf: [], cold: noRows };

function changeCommits(actions: readonly Action[], change: (checkpoint: Checkpoint) => Checkpoint): Action[] {
  return actions.map((action) =>
    action.type === "commit" ? { type: "commit", checkpoint: change(action.checkpoint) } : action
  );
}

/**
 * A commit saves its position at once, its snapshots with the next commit: a crash between the two loses them. To the
 * store it is the same as a shard that saves them in two transactions, the position first.
 */
export function positionBeforeSnapshot(): Plant {
  let held = noSnapshots;
  const hold = (checkpoint: Checkpoint): Checkpoint => {
    const snapshots = held;
    // The shard frees its rows once the commit is confirmed.
    held = structuredClone(checkpoint.snapshots);
    return { ...checkpoint, snapshots };
  };
  return { ...honest, actions: (actions) => changeCommits(actions, hold) };
}

/**
 * Every frame has an origin and every part a hash that never came before. So both places that may call anything a
 * repeat, `Sequences.repeated` and `KeyMemory.has`, always say that it is new, as if they did not look.
 */
export function dedupeOff(): Plant {
  const freshen = (frame: LogFrame): LogFrame => {
    const { origin, types, entries } = decodeFrame(frame.text);
    if (origin.type === "tick") return frame;
    const fresh = entries.map((value, at) =>
      at % entryStride === 1 && entries[at - 1] === partMarker
        ? (frame.offset * 65_536 + at).toString(16).padStart(16, "0")
        : value
    );
    const start = `${frame.shard}-${frame.offset}`;
    return {
      ...frame,
      text: encodeFrame({ origin: { type: "gateway", start, n: 1 }, types, entries: fresh }),
    };
  };
  return { ...honest, frames: (frames) => frames.map(freshen) };
}

/**
 * Frames for other shards leave when the checkpoint is made, not when it is in the store: as if `Shard` took them from
 * its outbox with the capture. That it sends them once more after the commit is a repeat, which receivers drop.
 */
export function outboxBeforeCommit(): Plant {
  return {
    ...honest,
    actions: (actions) =>
      actions.flatMap((action): readonly Action[] => {
        if (action.type !== "commit") return [action];
        const { epoch, outbox } = action.checkpoint;
        return [...outbox.map((frame): Action => ({ type: "append", epoch, ...frame })), action];
      }),
  };
}

/**
 * An actor that comes back after an eviction has no timers any more: as if `ActorTable` took an evicted actor's row
 * for that of one without timers. What is stored stays right until the actor's next turn.
 */
export function timerLostOnEviction(): Plant {
  /** Saved by this owner, hence in its memory at some time: loading one again means that it was evicted. */
  let saved = new Set<string>();
  const watch = (action: Action): void => {
    if (action.type === "claim") saved = new Set();
    if (action.type !== "commit") return;
    const { kinds, ids } = action.checkpoint.snapshots;
    ids.forEach((id, index) => saved.add(`${kinds[index]}/${id}`));
  };
  return {
    ...honest,
    actions: (actions) => {
      actions.forEach(watch);
      return actions;
    },
    loaded: (loaded) => {
      const rows = loaded.ids.map((id, index) => {
        const hot = packedRow(loaded.hot, index);
        return saved.has(`${loaded.kinds[index]}/${id}`) ? withoutTimers(hot) : hot;
      });
      return { ...loaded, hot: packRows(rows) };
    },
  };
}

/** A hot row begins as `encodeSnapshotHead` of the core writes it: codec, version, number of timers, timers. */
function withoutTimers(hot: Uint8Array): Uint8Array {
  const reader = new ByteReader(hot);
  const writer = new ByteWriter(hot.length);
  writer.u8(reader.u8());
  writer.u16(reader.u16());
  writer.u16(0);
  for (let timers = reader.u16(); timers > 0; timers--) {
    reader.text();
    reader.f64();
    reader.u32();
    reader.text();
  }
  writer.raw(reader.raw(reader.remaining));
  return writer.finish();
}

/** The store takes a commit of any epoch, as if `commitNow` compared the commit's number alone. */
export function epochUnchecked(): Plant {
  return { ...honest, stored: (checkpoint, rowEpoch) => ({ ...checkpoint, epoch: rowEpoch }) };
}

/**
 * The first two frames that a claim is given come in the wrong order, under the right offsets: as if the log's recovery
 * had put the records of two segments together by anything but their offsets.
 */
export function replayOutOfOrder(): Plant {
  let isFirst = false;
  const swap = (frames: readonly LogFrame[]): readonly LogFrame[] => {
    const [first, second, ...rest] = frames;
    if (!isFirst || first === undefined || second === undefined) return frames;
    isFirst = false;
    return [{ ...first, text: second.text }, { ...second, text: first.text }, ...rest];
  };
  return {
    ...honest,
    actions: (actions) => {
      if (actions.some(({ type }) => type === "subscribe")) isFirst = true;
      return actions;
    },
    frames: swap,
  };
}

/**
 * Every other grant gets lost, but for those that come with a subscription: as if `Shard`, every other time, took what
 * it has to grant for granted already.
 */
export function creditLeak(): Plant {
  let grants = 0;
  return {
    ...honest,
    actions: (actions) =>
      actions.filter(({ type }, at) =>
        type !== "grant" || actions[at - 1]?.type === "subscribe" || ++grants % 2 === 0
      ),
  };
}

/** The last restart that is allowed is not made, as if `RestartIntensity` compared with ">=". */
export function intensityOffByOne(): Plant {
  return { ...honest, intensity: (intensity) => ({ ...intensity, restarts: intensity.restarts - 1 }) };
}
