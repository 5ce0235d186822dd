/**
 * Messages on their way into frames: a batch sorts them by shard and turns each shard's share into pieces of text.
 *
 * 1. Cutting a share into pieces depends on nothing but its messages: a repeated body is cut alike, so that its
 *    parts have the same hashes.
 * 2. A piece holds at most `maxPartMessages` messages and, unless it is a single one, `maxFrameBytes` units.
 */

import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Address, Json } from "../core/actor.ts";
import { invariant } from "../core/errors.ts";
import { encodeEntries, entryStride, partMarker, type SourceOrigin, type WireType } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Registry } from "../core/registry.ts";
import type { Batch } from "./engine.ts";
import { maxFrameBytes, maxPartMessages } from "./limits.ts";

/** Entries of one shard as text, whole inside one frame. */
export interface Piece {
  readonly shard: number;
  readonly types: readonly WireType[];
  readonly text: string;
  readonly messages: number;
  /** Whom its message is for; null when it has several. */
  readonly target: Address | null;
  /** Of a foreign topic's records, which are a frame of their own. */
  readonly origin?: SourceOrigin;
}

/** What a batch hands over; resolves when all pieces are durable. */
export type SendPieces = (pieces: readonly Piece[], isKeyed: boolean) => Promise<void>;

export class ShardedBatch implements Batch {
  readonly #registry: Registry;
  readonly #key: string | null;
  readonly #sendPieces: SendPieces;
  readonly #entries: (unknown[] | undefined)[];
  /** By part: all shards' parts of one number share it. */
  readonly #hashes: string[] = [];
  #size = 0;
  /** Successive messages are often for one actor. */
  #last: { readonly id: string; readonly shard: number } | null = null;

  constructor(registry: Registry, shardCount: number, key: string | null, sendPieces: SendPieces) {
    this.#registry = registry;
    this.#key = key;
    this.#sendPieces = sendPieces;
    this.#entries = new Array(shardCount);
  }

  get size(): number {
    return this.#size;
  }

  add(kind: string, id: string, message: Json): void {
    const type = this.#registry.indexOf(kind);
    invariant(type >= 0, `Messages are for kinds that are registered, unlike "${kind}"`);
    if (id !== this.#last?.id) this.#last = { id, shard: shardOf(id, this.#entries.length) };
    const { shard } = this.#last;
    const entries = this.#entries[shard];
    if (entries === undefined) this.#entries[shard] = [type, id, message];
    else entries.push(type, id, message);
    this.#size += 1;
  }

  /** 64 bits of SHA-256 over key and part, as hexadecimal digits. */
  #hashOf(key: string, part: number): string {
    return this.#hashes[part] ??= hash("sha256", `${part}:${key}`, "hex").slice(0, 16);
  }

  #addressOf([type, id]: readonly unknown[]): Address {
    return { kind: this.#registry.definitions[Number(type)]?.kind ?? "", id: String(id) };
  }

  send(): Promise<void> {
    const pieces: Piece[] = [];
    const types = this.#registry.wireTypes;
    this.#entries.forEach((entries, shard) => {
      if (entries === undefined) return;
      const target = entries.length === entryStride ? this.#addressOf(entries) : null;
      cut(entries).forEach(({ text, messages }, part) => {
        const marker = this.#key === null ? "" : partText(this.#hashOf(this.#key, part), text, messages);
        pieces.push({ shard, types, text: marker + text, messages, target });
      });
    });
    return this.#sendPieces(pieces, this.#key !== null);
  }
}

interface Cut {
  readonly text: string;
  readonly messages: number;
}

/** Cuts flat entries into halves until each fits; see the guarantees above. */
function cut(entries: readonly unknown[]): Cut[] {
  const messages = entries.length / entryStride;
  if (messages <= maxPartMessages) {
    const text = encodeEntries(entries);
    if (text.length <= maxFrameBytes || messages === 1) return [{ text, messages }];
  }
  const middle = Math.ceil(messages / 2) * entryStride;
  return [...cut(entries.slice(0, middle)), ...cut(entries.slice(middle))];
}

/**
 * The marker before a part of a keyed body. Its hash covers the text too: another body under a used key is no repeat.
 * A checksum is enough for that, since keys are told apart by the other hash.
 */
function partText(keyHash: string, text: string, messages: number): string {
  const low = (parseInt(keyHash.slice(8), 16) ^ crc32(text)) >>> 0;
  return encodeEntries([partMarker, keyHash.slice(0, 8) + low.toString(16).padStart(8, "0"), messages]) + ",";
}
