/** Has the `kafkajs` of this thread read what is fetched by `record_batches.ts`. */

import Decoder from "kafkajs/src/protocol/decoder.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import fetchResponse from "kafkajs/src/protocol/requests/fetch/v11/response.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import type { Buffer } from "node:buffer";
import { errorMessage } from "../../core/errors.ts";
import { isCompressed, readBatch, unreadable, wholeBatches } from "./record_batches.ts";

type Reader = InstanceType<typeof Decoder>;

const sizeBytes = 4;

async function messagesOf(reader: Reader) {
  const start = reader.offset;
  const size = reader.readInt32();
  if (size <= 0) return [];
  reader.readBytes(size);
  return await readMessages(reader.buffer.subarray(start, start + sizeBytes + size));
}

/** The messages of the batches behind the four bytes of their size. Rejects when one cannot be read, and is not compressed. */
export async function readMessages(sized: Buffer) {
  const batches = wholeBatches(sized.subarray(sizeBytes));
  if (batches === null) return await decodeMessages(new Decoder(sized));
  const read = [];
  for (const batch of batches) read.push(isCompressed(batch) ? await decompressed(batch) : readBatch(batch));
  return read.flat();
}

async function decompressed(batch: Buffer) {
  try {
    return (await decodeBatch(new Decoder(batch))).records;
  } catch (thrown) {
    return [unreadable(batch, errorMessage(thrown))];
  }
}

const abortedOf = (reader: Reader) => ({
  producerId: reader.readInt64().toString(),
  firstOffset: reader.readInt64().toString(),
});

// Fields are read in the order in which they are written here.
const partitionOf = async (reader: Reader) => ({
  partition: reader.readInt32(),
  errorCode: reader.readInt16(),
  highWatermark: reader.readInt64().toString(),
  lastStableOffset: reader.readInt64().toString(),
  lastStartOffset: reader.readInt64().toString(),
  abortedTransactions: reader.readArray(abortedOf),
  preferredReadReplica: reader.readInt32(),
  messages: await messagesOf(reader),
});

const topicOf = async (reader: Reader) => ({
  topicName: reader.readString(),
  partitions: await reader.readArrayAsync(partitionOf),
});

/** As the library's own for the newest version that it knows, which every broker since Kafka 2.3 speaks. */
async function decode(payload: Buffer) {
  const reader = new Decoder(payload);
  const clientSideThrottleTime = reader.readInt32();
  const [errorCode, sessionId] = [reader.readInt16(), reader.readInt32()];
  const responses = await reader.readArrayAsync(topicOf);
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

export function readBatchesOurselves(): void {
  Object.assign(fetchResponse, { decode });
}
