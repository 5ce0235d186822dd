/**
 * Which series a sender's labels name, and whether it is taken, looked up by their bytes.
 *
 * 1. A series is admitted once, while there is room for it; what was refused is refused until it is forgotten, with all
 *    others, when `maxRefused` of them are remembered.
 * 2. Selectors are applied to the sender's names and labels, the source's own labels included; then names are changed.
 * 3. Labels of more than `maxLabelBytes` are neither read nor remembered: no id has as many.
 */

import { type Matchers, matchesSeries, parseMatchers } from "../../series/matchers.ts";
import { seriesId, type SeriesParts, seriesProblem } from "../../series/sample.ts";
import { renamed, withLabels } from "../prometheus/labels.ts";
import { type RemoteWriteSpec, selectorsOf } from "../prometheus/source_spec.ts";
import { maxLabelBytes } from "./limits.ts";
import { readLabels } from "./write_request.ts";

/** "unmatched": no selector takes it, which is as it should be. */
export type NameRefusal = "labels" | "too-many-series" | "unmatched";

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
  readonly #spec: RemoteWriteSpec;
  readonly #selectors: readonly Matchers[];
  readonly #maxSeries: number;
  readonly #tooMany: Refused;

  /** @param maxSeries holds whatever the spec says */
  constructor(spec: RemoteWriteSpec, maxSeries: number) {
    this.#spec = spec;
    this.#selectors = selectorsOf(spec).map(parseMatchers);
    this.#maxSeries = Math.min(spec.max ?? maxSeries, maxSeries);
    const bound = this.#maxSeries < maxSeries
      ? `the ${this.#maxSeries} of max of the source remote-write`
      : "--remote-write-max-series";
    this.#tooMany = { refusal: "too-many-series", sentence: `as many series are written as ${bound} admits` };
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
    const named = this.#nameOf(labels);
    if ("id" in named && this.#admitted.size < this.#maxSeries) {
      this.#admitted.add(labels, hash, named);
      return named;
    }
    if (this.#refused.size >= maxRefused) this.#refused.clear();
    const found = "id" in named ? this.#tooMany : named;
    this.#refused.add(labels, hash, found);
    return found;
  }

  /** The id that labels make, with what the spec makes of them; or why there is none. */
  #nameOf(bytes: Uint8Array): Found {
    const written = partsOf(bytes);
    if ("sentence" in written) return { refusal: "labels", ...written };
    const labelled = withLabels(written, this.#spec.labels ?? {});
    if (this.#selectors.length > 0 && !this.#selectors.some((each) => matchesSeries(each, labelled))) {
      return unmatched;
    }
    const { name, labels } = renamed(labelled, this.#spec.rename ?? {});
    const sentence = seriesProblem({ name, labels });
    return sentence === null ? { id: seriesId(name, labels) } : { refusal: "labels", sentence };
  }
}

const unmatched: Refused = { refusal: "unmatched", sentence: "no selector takes it" };

/** Name and labels as they are written; or why they are none. */
function partsOf(bytes: Uint8Array): SeriesParts | { readonly sentence: string } {
  const labels = readLabels(bytes);
  if ("sentence" in labels) return labels;
  const name = labels.get("__name__");
  if (name === undefined) return { sentence: "it has no name, the label __name__" };
  return { name, labels: Object.fromEntries([...labels].filter(([label]) => label !== "__name__")) };
}
