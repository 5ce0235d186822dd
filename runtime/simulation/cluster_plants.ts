/** Bugs to be found where shards go from node to node, or from host to host; each says which. */

import { packedRow, packRows } from "../core/bytes.ts";
import type { Loaded, SnapshotBatch } from "../core/checkpoint.ts";
import type { Action } from "../core/shard_api.ts";
import { type Attic, honest, type Plant } from "./plant.ts";

/**
 * A claim does not ask whether the shard is its node's: one that was fenced, and has not heard why, takes the shard
 * back from its right owner, again and again.
 */
export function claimUnasked(): Plant {
  return { ...honest, held: () => true };
}

/** A claim takes the shard whatever its epoch is by now: one that was long on its way takes it from its right owner. */
export function claimUnconditional(): Plant {
  return { ...honest, after: () => null };
}

/**
 * A host that gains a shard which it had before goes on with what it has in memory, as if nobody had had the shard
 * meanwhile.
 */
export function memoryOutlivesLoss(attic: Attic): Plant {
  let committing: SnapshotBatch | null = null;
  let claims = 0;
  const watch = (action: Action): void => {
    // Whoever claims again begins anew, as it should.
    if (action.type === "claim" && ++claims > 1) attic.clear();
    if (action.type === "commit") committing = structuredClone(action.checkpoint.snapshots);
    // Told of a confirmed commit.
    if (action.type === "trim" && committing !== null) keep(attic, committing);
  };
  return {
    ...honest,
    actions: (actions) => {
      actions.forEach(watch);
      return actions;
    },
    loaded: (loaded) => withKept(attic, loaded),
  };
}

function keep(attic: Attic, { kinds, ids, hot, coldOf, cold }: SnapshotBatch): void {
  ids.forEach((id, index) => {
    const key = `${kinds[index]}/${id}`;
    const coldIndex = coldOf.indexOf(index);
    attic.set(key, {
      hot: packedRow(hot, index).slice(),
      cold: coldIndex < 0 ? attic.get(key)?.cold ?? null : packedRow(cold, coldIndex).slice(),
    });
  });
}

function withKept(attic: Attic, loaded: Loaded): Loaded {
  const rows = loaded.ids.map((id, index) => {
    const coldIndex = loaded.coldOf.indexOf(index);
    const cold = coldIndex < 0 ? null : packedRow(loaded.cold, coldIndex);
    const kept = attic.get(`${loaded.kinds[index]}/${id}`);
    return { hot: kept?.hot ?? packedRow(loaded.hot, index), cold: kept?.cold ?? cold };
  });
  const withCold = rows.flatMap(({ cold }, index) => cold === null ? [] : [{ index, cold }]);
  return {
    ...loaded,
    hot: packRows(rows.map(({ hot }) => hot)),
    coldOf: withCold.map(({ index }) => index),
    cold: packRows(withCold.map(({ cold }) => cold)),
  };
}

/**
 * A strict answer reflects what was delivered to its shard, whatever else is in the log: as on a single node, where
 * nothing is acknowledged before it is on its way to the shard.
 */
export function endUnasked(): Plant {
  return { ...honest, end: (_end, delivered) => delivered };
}
