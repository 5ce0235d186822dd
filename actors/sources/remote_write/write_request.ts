/**
 * Prometheus' remote write, version 1: a protobuf message, packed as a block of snappy.
 * https://prometheus.io/docs/specs/prw/remote_write_spec/
 *
 *     WriteRequest  timeseries = 1 (repeated TimeSeries), metadata = 3
 *     TimeSeries    labels = 1 (repeated Label), samples = 2 (repeated Sample), exemplars = 3, histograms = 4
 *     Label         name = 1, value = 2
 *     Sample        value = 1 (double), timestamp = 2 (int64, epoch milliseconds)
 *
 * 1. What is no such message is refused with a `WriteRequestError`; nothing of it is used.
 * 2. A series' labels are handed over as the bytes they are: those of the same series are the same bytes, request after
 *    request, so that they need to be read once.
 */

import { PbfReader } from "pbf";
import { errorMessage } from "../../../runtime/core/errors.ts";
import { uncompressSnappy } from "../../../runtime/snappy.ts";
import { maxRequestSeries, maxUnpackedBytes } from "./limits.ts";

export class WriteRequestError extends Error {
  override readonly name = "WriteRequestError";
}

export type SampleKind = "number" | "stale" | "nan";

export interface WriteSink {
  /** A series; false: its samples are to be left out. `labels` is good until this returns. */
  series(labels: Uint8Array): boolean;
  /** A sample of the series told last. */
  sample(kind: SampleKind, value: number, timeMs: number): void;
  /** A native histogram of the series told last, which has no single value. */
  histogram(): void;
}

/** How Prometheus marks that a series has ended: a NaN with these bits. */
const staleBits = 0x7ff0000000000002n;

const fields = { timeseries: 1, labels: 1, samples: 2, histograms: 4, value: 1, timestamp: 2 } as const;
const wireBytes = 2;
const wireDouble = 1;
const wireVarint = 0;

/** Unpacks the body of a request. */
export function unpack(body: Uint8Array): Uint8Array {
  try {
    return uncompressSnappy(body, maxUnpackedBytes);
  } catch (thrown) {
    const reason = errorMessage(thrown);
    throw new WriteRequestError(`The body is not a block of snappy: ${reason}`, { cause: thrown });
  }
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #reader: PbfReader;
  readonly #sink: WriteSink;
  /** Samples of a series whose labels come later. */
  #series = 0;

  constructor(bytes: Uint8Array, sink: WriteSink) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = new PbfReader(bytes);
    this.#sink = sink;
  }

  run(): void {
    const reader = this.#reader;
    while (reader.pos < this.#bytes.length) {
      const tag = reader.readVarint();
      if (tag === (fields.timeseries << 3 | wireBytes)) this.#timeSeries(this.#end());
      else this.#skip(tag);
    }
  }

  /** Where what begins with its length ends. */
  #end(within = this.#bytes.length): number {
    const length = this.#reader.readVarint();
    const end = this.#reader.pos + length;
    if (end > within) throw new WriteRequestError("The message ends in the middle of a field");
    return end;
  }

  #skip(tag: number, within = this.#bytes.length): void {
    this.#reader.skip(tag);
    if (this.#reader.pos > within) throw new WriteRequestError("The message ends in the middle of a field");
  }

  #timeSeries(end: number): void {
    if (++this.#series > maxRequestSeries) {
      throw new WriteRequestError(`The request has more than ${maxRequestSeries} series`);
    }
    const reader = this.#reader;
    const from = reader.pos;
    let labelsEnd = from;
    let isWanted: boolean | null = null;
    while (reader.pos < end) {
      const tag = reader.readVarint();
      if (tag === (fields.labels << 3 | wireBytes)) {
        // Labels come before samples, as every sender known to us writes them; their bytes name the series.
        if (isWanted !== null) throw new WriteRequestError("A series has labels behind its samples");
        reader.pos = this.#end(end);
        labelsEnd = reader.pos;
        continue;
      }
      isWanted ??= this.#sink.series(this.#bytes.subarray(from, labelsEnd));
      this.#part(tag, end, isWanted);
    }
  }

  #part(tag: number, end: number, isWanted: boolean): void {
    if (tag === (fields.samples << 3 | wireBytes)) this.#sample(this.#end(end), isWanted);
    else {
      if (tag === (fields.histograms << 3 | wireBytes) && isWanted) this.#sink.histogram();
      this.#skip(tag, end);
    }
  }

  #sample(end: number, isWanted: boolean): void {
    const reader = this.#reader;
    // What is zero is left out of the message.
    let [value, timeMs] = [0, 0];
    let kind: SampleKind = "number";
    while (reader.pos < end) {
      const tag = reader.readVarint();
      if (tag === (fields.value << 3 | wireDouble)) {
        if (reader.pos + 8 > end) throw new WriteRequestError("The message ends in the middle of a field");
        value = this.#view.getFloat64(reader.pos, true);
        if (Number.isNaN(value)) {
          kind = this.#view.getBigUint64(reader.pos, true) === staleBits ? "stale" : "nan";
        }
        reader.pos += 8;
      } else if (tag === (fields.timestamp << 3 | wireVarint)) timeMs = reader.readVarint(true);
      else this.#skip(tag, end);
    }
    if (isWanted) this.#sink.sample(kind, value, timeMs);
  }
}

/** Hands over all that is in a message. Throws a `WriteRequestError`. */
export function readWriteRequest(bytes: Uint8Array, sink: WriteSink): void {
  try {
    new Decoder(bytes, sink).run();
  } catch (thrown) {
    if (thrown instanceof WriteRequestError) throw thrown;
    const reason = errorMessage(thrown);
    throw new WriteRequestError(`The body is no write request: ${reason}`, { cause: thrown });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The labels in these bytes, one after the other. Throws where they are no text. */
export function* labelsIn(bytes: Uint8Array): Generator<readonly [name: string, value: string]> {
  const reader = new PbfReader(bytes);
  while (reader.pos < bytes.length) {
    reader.readVarint();
    const end = reader.readVarint() + reader.pos;
    const texts = ["", ""];
    while (reader.pos < end) {
      const tag = reader.readVarint();
      const textEnd = reader.readVarint() + reader.pos;
      const place = (tag >> 3) - 1;
      if (place === 0 || place === 1) texts[place] = decoder.decode(bytes.subarray(reader.pos, textEnd));
      reader.pos = textEnd;
    }
    const [name = "", value = ""] = texts;
    yield [name, value];
  }
}

/** Those labels by name, or why they are none, as a sentence without a full stop. */
export function readLabels(bytes: Uint8Array): ReadonlyMap<string, string> | { readonly sentence: string } {
  const labels = new Map<string, string>();
  try {
    for (const [name, value] of labelsIn(bytes)) {
      if (labels.has(name)) return { sentence: `it has the label ${name} twice` };
      // Prometheus takes an empty value for a label that is not there.
      if (value !== "") labels.set(name, value);
    }
  } catch {
    return { sentence: "its labels are no text in UTF-8" };
  }
  return labels;
}
