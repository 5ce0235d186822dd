/** Requests as a sender of Prometheus' remote write makes them. */

import { Buffer } from "node:buffer";
import { PbfWriter } from "pbf";
import { compress } from "snappyjs";

export type WrittenSample = readonly [value: number, timeMs: number];

export interface WrittenSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly WrittenSample[];
}

function writeSeries({ labels, samples }: WrittenSeries, writer: PbfWriter): void {
  for (const [name, value] of Object.entries(labels)) {
    writer.writeMessage(1, (_label: null, inner: PbfWriter) => {
      inner.writeStringField(1, name);
      inner.writeStringField(2, value);
    }, null);
  }
  for (const [value, timeMs] of samples) {
    writer.writeMessage(2, (_sample: null, inner: PbfWriter) => {
      inner.writeDoubleField(1, value);
      inner.writeVarintField(2, timeMs);
    }, null);
  }
}

/** A `WriteRequest` as protobuf. */
export function requestOf(all: readonly WrittenSeries[]): Uint8Array<ArrayBuffer> {
  const writer = new PbfWriter();
  for (const series of all) writer.writeMessage(1, writeSeries, series);
  return Uint8Array.from(writer.finish());
}

/** As a block of snappy. */
export function packed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(compress(Buffer.from(bytes)));
}
