/**
 * What a node must be: its log, folded once from the beginning to the end, without a death, a reload or an eviction.
 *
 * 1. Each actor has the state, the timers and the failures that this fold gives it.
 * 2. Each shard has sent to every other what this fold sends, in the same order.
 * 3. The same messages are dead, for the same reasons.
 */

import type { Address } from "../core/actor.ts";
import { type ActorEntry, actorKey, ActorTable } from "../core/actor_table.ts";
import { ByteWriter } from "../core/bytes.ts";
import type { StoredDeadLetter } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import { decodeFrame, entryStride, senderMarker } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import { type AnyDefinition, Registry } from "../core/registry.ts";
import type { HistorySink } from "../core/state.ts";
import { turnBoardBytes } from "../node/turn_board.ts";
import { MemoryStoreCore } from "../store/memory_store_core.ts";
import { asEver, DrivenShard } from "./driven_shard.ts";
import { maxHappenings } from "./limits.ts";
import type { MemoryNode } from "./memory_node.ts";

/** What shards sent to each other, however it was spread over frames, without repeats. */
class Sent {
  /** By `source > target`. */
  readonly lanes = new Map<string, { n: number; readonly messages: string[] }>();

  note(target: number, text: string): void {
    const { origin, types, entries } = decodeFrame(text);
    if (origin.type !== "shard") return;
    const name = `${origin.shard} > ${target}`;
    const lane = this.lanes.get(name) ?? { n: 0, messages: [] };
    this.lanes.set(name, lane);
    if (origin.n <= lane.n) return;
    lane.n = origin.n;
    let sender = "";
    for (let at = 0; at < entries.length; at += entryStride) {
      const [type, id, body] = entries.slice(at, at + entryStride);
      if (type === senderMarker) sender = `${body}/${id}`;
      else lane.messages.push(`${sender} sends ${types[Number(type)]?.[0]}/${id} ${JSON.stringify(body)}`);
    }
  }

  messages(lane: string): readonly string[] {
    return this.lanes.get(lane)?.messages ?? [];
  }
}

/** What there is to compare. */
interface Outcome {
  readonly store: MemoryStoreCore;
  readonly sent: Sent;
}

/** Throws a sentence that tells the first differences between a node and the plain fold of its log, if there are any. */
export function expectReplays(node: MemoryNode): void {
  const found = differences(node);
  if (found.length === 0) return;
  throw new Error(
    `The node is not what its log says:\n  ${found.slice(0, maxDifferences).join("\n  ")}\n` +
      `A turn depends on state, message and context alone: no clock, no chance, nothing that is kept outside the ` +
      `state; and all of the state is in its snapshot, and changed by turns only`,
  );
}

function differences(node: MemoryNode): readonly string[] {
  node.checkpoint();
  const definitions = node.define().map((definition) => node.faults.replayed(definition));
  const folded = plainFold(node, definitions);
  const found = { store: node.store, sent: sentIn(node) };
  return [
    ...differentActors(found.store, folded.store, node, definitions),
    ...differentSends(found.sent, folded.sent),
    ...differentLetters(found.store, folded.store),
  ];
}

const maxDifferences = 3;

/** Each shard's log by a shard of its own. What they append is in the log already, or nowhere. */
function plainFold(
  { log, shardCount, limits, nowMs }: MemoryNode,
  definitions: readonly AnyDefinition[],
): Outcome {
  const store = new MemoryStoreCore(shardCount);
  const sent = new Sent();
  for (let shard = 0; shard < shardCount; shard++) {
    const folding = new DrivenShard({
      registry: new Registry(definitions),
      shardCount,
      limits: { ...limits, actorBytes: Infinity },
      log: {
        append: (target, text) => sent.note(target, text),
        read: (shard, from, maxBytes) => log.read(shard, from, maxBytes),
      },
      store,
      board: new SharedArrayBuffer(turnBoardBytes),
      nowMs: () => nowMs,
      isDying: () => false,
      answered: () => {},
      requested: () => {},
    }, shard);
    rest(folding);
    folding.hurry();
    rest(folding);
  }
  return { store, sent };
}

function rest(folding: DrivenShard): void {
  for (let happened = 0; folding.waiting > 0 && folding.refusal === null; happened++) {
    if (happened === maxHappenings) throw new Error(`Shard ${folding.shard} folds its log anew without end`);
    folding.happen(0, asEver);
  }
}

function sentIn({ log, shardCount }: MemoryNode): Sent {
  const sent = new Sent();
  for (let target = 0; target < shardCount; target++) {
    for (const { text } of log.read(target, 0, Infinity)) sent.note(target, text);
  }
  return sent;
}

function differentSends(found: Sent, folded: Sent): string[] {
  const lanes = new Set([...found.lanes.keys(), ...folded.lanes.keys()]);
  return [...lanes].flatMap((lane) => {
    const [is, was] = [found.messages(lane), folded.messages(lane)];
    const at = Array.from({ length: Math.max(is.length, was.length) }).findIndex((_, i) => is[i] !== was[i]);
    if (at < 0) return [];
    return [
      `Message ${at + 1} between two shards differs: ${is[at] ?? "nothing was sent"}, and when the log is ` +
      `folded anew: ${was[at] ?? "nothing is sent"}.`,
    ];
  });
}

function letterTexts(store: MemoryStoreCore): string[] {
  const { items } = store.deadLettersNow({ after: null, limit: Number.MAX_SAFE_INTEGER });
  return items.map(({ id, kind, actorId, reason, detail, message }: StoredDeadLetter) =>
    `${id}, of ${kind}/${actorId}: ${reason} (${detail}) ${message}`
  );
}

function differentLetters(found: MemoryStoreCore, folded: MemoryStoreCore): string[] {
  const [is, was] = [new Set(letterTexts(found)), new Set(letterTexts(folded))];
  return [
    ...is.difference(was).values().map((text) => `This letter is dead only where hosts died: ${text}.`),
    ...was.difference(is).values().map((text) =>
      `This letter is dead only when the log is folded anew: ${text}.`
    ),
  ];
}

function addressesIn(store: MemoryStoreCore, definitions: readonly AnyDefinition[]): Address[] {
  return definitions.flatMap(({ kind }) =>
    store.listNow(kind, null, Number.MAX_SAFE_INTEGER).ids.map((id) => ({ kind, id }))
  );
}

function differentActors(
  found: MemoryStoreCore,
  folded: MemoryStoreCore,
  node: MemoryNode,
  definitions: readonly AnyDefinition[],
): string[] {
  const addresses = new Map(
    [found, folded].flatMap((store) => addressesIn(store, definitions)).map((to) => [actorKey(to), to]),
  );
  return [...addresses.values()].flatMap((address) => {
    const [is, was] = [found, folded].map((store) => describe(store, address, node, definitions));
    if (is?.bytes === was?.bytes) return [];
    return [`${actorKey(address)} is ${is?.text}, and when its log is folded anew: ${was?.text}.`];
  });
}

const noHistory: HistorySink = { put() {}, add() {} };

/** An actor as the store has it: all of it as bytes, and for a person. */
function describe(
  store: MemoryStoreCore,
  address: Address,
  { shardCount, nowMs }: MemoryNode,
  definitions: readonly AnyDefinition[],
): { readonly bytes: string; readonly text: string } {
  const table = new ActorTable(new Registry(definitions));
  const [entry] = table.insertLoaded(store.loadNow(shardOf(address.id, shardCount), [address]), 1);
  if (entry === undefined) return { bytes: "", text: "nothing that is stored" };
  const { damage, timers, failedAtMs, suspension } = entry;
  const rest = JSON.stringify([[...timers ?? []].sort(), failedAtMs, suspension, damage]);
  const bytes = `${rest} ${stateBytes(entry, nowMs)}`;
  const named = [...timers ?? []].map(([name, { dueMs }]) => `${name} at ${dueMs}`).join(", ");
  const text = (damage?.detail ?? stateText(entry, nowMs)) +
    (named === "" ? "" : ` with the timers ${named}`);
  table.clear();
  return { bytes, text };
}

/** The state that was read, written anew and as a whole: what was written when does not matter then. */
function stateBytes({ definition, state, damage }: ActorEntry, nowMs: number): string {
  if (damage !== null) return damage.detail;
  const out = new ByteWriter();
  definition.state.cold?.encode(state, out, noHistory, nowMs);
  definition.state.encode(state, out, noHistory);
  return out.finish().toHex();
}

function stateText({ definition, state, id }: ActorEntry, nowMs: number): string {
  const query = definition.queries["state"];
  if (query === undefined) return "a state without a query that could show it";
  try {
    const args = query.arguments.parse({});
    return JSON.stringify(query.answer(state, args as never, { id, nowMs }));
  } catch (thrown) {
    return `a state of which the query fails: ${errorMessage(thrown)}`;
  }
}
