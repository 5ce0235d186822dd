/**
 * Which series a sender's labels name, looked up by their bytes.
 *
 * 1. A series is admitted once, while there is room for it; what was refused is refused until it is forgotten, with all
 *    others, when `maxRefused` of them are remembered.
 * 2. Labels of more than `maxLabelBytes` are neither read nor remembered: no id has as many.
 */

import { seriesId, seriesProblem } from "../../series/sample.ts";
import { maxLabelBytes } from "./limits.ts";
import { readLabels } from "./write_request.ts";

export type NameRefusal = "labels" | "too-many-series";

/** Remembered so that each is not read anew with every request. */
const maxRefused = 10_000;

export type Refused = {
  readonly refusal: NameRefusal;
  /** Why, as a sentence without a full stop. */
  readonly sentence: string;
};
type Found = { readonly id: string } | Refused;

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
    if (labels.length > maxLabelBytes) {
      const sentence = `it has ${labels.length} bytes of labels, and ${maxLabelBytes} are the most`;
      return { refusal: "labels", sentence };
    }
    const hash = hashOf(labels);
    return this.#admitted.get(labels, hash) ?? this.#refused.get(labels, hash) ?? this.#judge(labels, hash);
  }

  #judge(labels: Uint8Array, hash: number): Found {
    const named = nameOf(labels);
    if ("id" in named && this.#admitted.size < this.#maxSeries) {
      this.#admitted.add(labels, hash, named);
      return named;
    }
    if (this.#refused.size >= maxRefused) this.#refused.clear();
    const found: Refused = "id" in named ? tooMany : { refusal: "labels", sentence: named.sentence };
    this.#refused.add(labels, hash, found);
    return found;
  }
}

const tooMany: Refused = {
  refusal: "too-many-series",
  sentence: "as many series are written as --remote-write-max-series admits",
};

/** The id that labels make; or why they make none. */
function nameOf(bytes: Uint8Array): { readonly id: string } | { readonly sentence: string } {
  const labels = readLabels(bytes);
  if ("sentence" in labels) return labels;
  const name = labels.get("__name__");
  if (name === undefined) return { sentence: "it has no name, the label __name__" };
  const parts = { name, labels: Object.fromEntries([...labels].filter(([label]) => label !== "__name__")) };
  const sentence = seriesProblem(parts);
  return sentence === null ? { id: seriesId(name, parts.labels) } : { sentence };
}
