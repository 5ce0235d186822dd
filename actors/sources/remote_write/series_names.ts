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

const latin1 = new TextDecoder("latin1");

export class SeriesNames {
  readonly #ids = new Map<string, string>();
  readonly #refused = new Map<string, NameRefusal>();
  readonly #maxSeries: number;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** The id; or why the series is not taken. */
  find(labels: Uint8Array): { readonly id: string } | { readonly refusal: NameRefusal } {
    // Every byte is a character: texts are equal as the bytes are.
    const key = latin1.decode(labels);
    const id = this.#ids.get(key);
    if (id !== undefined) return { id };
    const known = this.#refused.get(key);
    if (known !== undefined) return { refusal: known };
    const made = idOf(labels);
    const refusal: NameRefusal | null = made === null
      ? "labels"
      : this.#ids.size >= this.#maxSeries
      ? "too-many-series"
      : null;
    if (refusal !== null || made === null) {
      if (this.#refused.size >= maxRefused) this.#refused.clear();
      this.#refused.set(key, refusal ?? "labels");
      return { refusal: refusal ?? "labels" };
    }
    this.#ids.set(key, made);
    return { id: made };
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
