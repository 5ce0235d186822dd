/**
 * A simulated gateway: it splits bodies by shard and into parts, numbers frames, and answers when all parts are in
 * the log.
 *
 * 1. One frame per shard is under way; it is repeated under its number until the log has answered, be it that there
 *    is no room. (A later number that overtook it would make the receiver drop it.)
 * 2. A start has a name of its own; a crash forgets everything.
 */

import type { StoredDeadLetter } from "../core/checkpoint.ts";
import { controlType, controlVersion } from "../core/control.ts";
import { encodeFrame, entryStride, partMarker, replayMarker, type WireType } from "../core/frame.ts";
import { murmur2, shardOf } from "../core/murmur2.ts";
import type { Party } from "./network.ts";
import type { Process } from "./process.ts";
import { addressText, programKinds, programVersion, unknownKind } from "./program.ts";
import { bodyOf, type Item } from "./workload.ts";
import type { World } from "./world.ts";

export interface Body {
  /** Idempotency key; null without one. */
  readonly key: string | null;
  readonly items: readonly Item[];
}

/** Of those that are not "accepted" the body may be in the log in part; "full": it is worth repeating. */
export type BodyAnswer = "accepted" | "full" | "refused";

/** Some items of a body for one shard. */
interface Part {
  readonly hash: string | null;
  readonly entries: readonly unknown[];
  readonly done: (answer: BodyAnswer) => void;
}

interface Lane {
  readonly waiting: Part[];
  isSending: boolean;
  n: number;
}

const kinds: readonly string[] = [...programKinds, unknownKind];
const types: readonly WireType[] = [
  ...kinds.map((kind) => [kind, programVersion] as const),
  ...kinds.map(controlType),
];

function typeOf(kind: string, version: number): number {
  return types.findIndex((type) => type[0] === kind && type[1] === version);
}

function entryOf(item: Item): readonly unknown[] {
  const { kind, id } = item.to;
  return [typeOf(kind, item.type === "control" ? controlVersion : programVersion), id, bodyOf(item)];
}
const encoder = new TextEncoder();

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function partHash(key: string, shard: number): string {
  return hex(murmur2(encoder.encode(`${key}.${shard}`))) + hex(murmur2(encoder.encode(`${shard}/${key}`)));
}

/**
 * Items in parts of so many actors at most, by the items alone: a repeated body has the same parts. An actor's items
 * stay together, since the parts of a body that was refused in between may come in another order.
 */
function cut(items: readonly Item[], partActors: number): readonly (readonly Item[])[] {
  const actors = [...new Set(items.map(({ to }) => addressText(to)))];
  const parts: Item[][] = [];
  for (const item of items) {
    const part = Math.floor(actors.indexOf(addressText(item.to)) / partActors);
    parts[part] = [...parts[part] ?? [], item];
  }
  return parts;
}

export class Gateway implements Party {
  readonly name: string;
  readonly process: Process;
  isAlive = true;
  readonly #world: World;
  readonly #lanes: readonly Lane[];

  constructor(world: World, home: Process, number: number) {
    this.#world = world;
    this.process = home;
    this.name = `gateway${number}`;
    this.#lanes = Array.from({ length: world.shardCount }, () => ({ waiting: [], isSending: false, n: 0 }));
  }

  /** `answer` is called once, unless the gateway dies before or is dead already. */
  accept(body: Body, answer: (answer: BodyAnswer) => void): void {
    if (!this.isAlive) return;
    const byShard = new Map<number, Item[]>();
    for (const item of body.items) {
      const shard = shardOf(item.to.id, this.#world.shardCount);
      byShard.set(shard, [...byShard.get(shard) ?? [], item]);
    }
    let left = 0;
    let worst: BodyAnswer = "accepted";
    const done = (partAnswer: BodyAnswer) => {
      if (worst !== "refused" && partAnswer !== "accepted") worst = partAnswer;
      if (--left === 0) answer(worst);
    };
    for (const [shard, items] of byShard) {
      cut(items, this.#world.partActors).forEach((part, number) => {
        const entries = part.flatMap(entryOf);
        const hash = body.key === null ? null : partHash(`${body.key}.${number}`, shard);
        left++;
        this.#add(shard, { hash, entries, done });
      });
    }
  }

  /** Sends a dead letter's message again: the same replay, however often it is asked for. */
  replay({ id, shard, kind, actorId, message, messageVersion, replays }: StoredDeadLetter): void {
    const type = typeOf(kind, messageVersion);
    const entries = [replayMarker, id, replays + 1, type, actorId, JSON.parse(message)];
    this.#add(shard, { hash: partHash(`${id}.${replays + 1}`, shard), entries, done: () => {} });
  }

  #add(shard: number, part: Part): void {
    const lane = this.#lanes[shard]!;
    lane.waiting.push(part);
    if (!lane.isSending) this.#sendNext(shard, lane);
  }

  #sendNext(shard: number, lane: Lane): void {
    const parts = lane.waiting.splice(0, this.#world.prng.range(1, 3));
    lane.isSending = parts.length > 0;
    if (!lane.isSending) return;
    const entries = parts.flatMap(({ hash, entries }) =>
      hash === null ? entries : [partMarker, hash, entries.length / entryStride, ...entries]
    );
    const origin = { type: "gateway", start: this.name, n: ++lane.n } as const;
    this.#send(shard, lane, encodeFrame({ origin, types, entries }), parts);
  }

  #send(shard: number, lane: Lane, text: string, parts: readonly Part[]): void {
    this.#world.network.request<BodyAnswer>({
      from: this,
      to: "log",
      label: `appends its ${lane.n} to shard${shard}`,
      effect: () => this.#world.appendTimely(shard, text),
      mayRepeat: true,
      settle: (outcome) => {
        if (outcome.type === "unknown") {
          this.#send(shard, lane, text, parts);
          return;
        }
        const answer = outcome.type === "full" ? "full" : outcome.value;
        for (const { done } of parts) done(answer);
        this.#sendNext(shard, lane);
      },
    });
  }
}
