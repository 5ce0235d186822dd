/**
 * Which series a sender's labels name, looked up by their bytes.
 *
 * 1. A series is admitted once, while there is room for it; what was refused is refused until it is forgotten, with all
 *    others, when `maxRefused` of them are remembered.
 */

import { idProblem } from "../../../runtime/core/registry.ts";
import { isLabelName, isLabelValue, isSeriesName, seriesId } from "../../series/sample.ts";
import { readLabels } from "./write_request.ts";

export type NameRefusal = "labels" | "too-many-series";

/** Remembered so that each is not read anew with every request. */
const maxRefused = 10_000;

type Found = { readonly id: string } | { readonly refusal: NameRefusal };

/** Labels, and what they name. */
interface Entry {
  readonly bytes: Uint8Array;
  readonly found: Found;
  /** Another one of the same hash. */
  readonly next: Entry | undefined;
}

/** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/. Texts made of the bytes took three times as long to look up. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** By bytes. */
class Entries {
  readonly #byHash = new Map<number, Entry>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(bytes: Uint8Array, hash: number): Found | null {
    for (let entry = this.#byHash.get(hash); entry !== undefined; entry = entry.next) {
      if (isEqual(entry.bytes, bytes)) return entry.found;
    }
    return null;
  }

  add(bytes: Uint8Array, hash: number, found: Found): void {
    this.#byHash.set(hash, { bytes: new Uint8Array(bytes), found, next: this.#byHash.get(hash) });
    this.#size++;
  }

  clear(): void {
    this.#byHash.clear();
    this.#size = 0;
  }
}

export class SeriesNames {
  readonly #admitted = new Entries();
  readonly #refused = new Entries();
  readonly #maxSeries: number;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  get size(): number {
    return this.#admitted.size;
  }

  /** The id; or why the series is not taken. */
  find(labels: Uint8Array): Found {
    const hash = hashOf(labels);
    return this.#admitted.get(labels, hash) ?? this.#refused.get(labels, hash) ?? this.#judge(labels, hash);
  }

  #judge(labels: Uint8Array, hash: number): Found {
    const id = idOf(labels);
    if (id !== null && this.#admitted.size < this.#maxSeries) {
      const found = { id };
      this.#admitted.add(labels, hash, found);
      return found;
    }
    if (this.#refused.size >= maxRefused) this.#refused.clear();
    const found: Found = { refusal: id === null ? "labels" : "too-many-series" };
    this.#refused.add(labels, hash, found);
    return found;
  }
}

/** Null: the labels cannot be those of a series here. */
function idOf(bytes: Uint8Array): string | null {
  const labels = readLabels(bytes);
  const name = labels?.get("__name__");
  if (labels === null || name === undefined || !isSeriesName(name)) return null;
  const others = [...labels].filter(([label]) => label !== "__name__");
  if (!others.every(([label, value]) => isLabelName(label) && isLabelValue(value))) return null;
  const id = seriesId(name, Object.fromEntries(others));
  return idProblem(id) === null ? id : null;
}
